"""The container of a ``.pt2`` file: a zip archive whose records are stored as they are.

Records begin at multiples of 64 bytes, so that weights can be mapped into memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import torch

from monograph.diagnostics import FileError

__all__ = ["ArchiveReader", "ArchiveWriter", "written_whole"]

_ALIGNMENT = 64
_MOST_RECORDS = 200_000
_MOST_TEXT = 1 << 30
_CHUNK = 1 << 24
_OLD = "serialized_exported_program.json"  # of torch before 2.8: no folder around the records


@contextlib.contextmanager
def written_whole(target: str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of ``target`` when all of it was written."""
    if not isinstance(target, (str, os.PathLike)):
        yield target
        return
    path = Path(target)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} to")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or ".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


class ArchiveWriter:
    """Writes records under ``root/``."""

    def __init__(self, file: IO[bytes], root: str) -> None:
        self.zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self.root = root

    def text(self, name: str, content: str) -> None:
        """A record of text."""
        self._record(name, [memoryview(content.encode())])

    def bytes(self, name: str, content: bytes) -> None:
        """A record of bytes."""
        self._record(name, [memoryview(content)])

    def storage(self, name: str, tensor: torch.Tensor) -> None:
        """All of a tensor's memory, piece by piece: no second copy is made."""
        storage = tensor.untyped_storage()
        if storage.device.type != "cpu":
            storage = storage.cpu()
        size = storage.nbytes()
        memory = (ctypes.c_char * size).from_address(storage.data_ptr()) if size else b""
        self._record(name, [memoryview(memory).cast("B")])

    def _record(self, name: str, pieces: list[memoryview]) -> None:
        info = zipfile.ZipInfo(f"{self.root}/{name}")  # 1980: the same program, the same file
        info.compress_type = zipfile.ZIP_STORED
        size = sum(len(piece) for piece in pieces)
        is_large = size >= 1 << 31
        begins = self.zip.start_dir + 30 + len(info.filename.encode()) + (20 if is_large else 0)
        padding = -(begins + 4) % _ALIGNMENT
        info.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
        with self.zip.open(info, "w", force_zip64=is_large) as record:
            for piece in pieces:
                for start in range(0, len(piece), _CHUNK):
                    record.write(piece[start : start + _CHUNK])

    def close(self) -> None:
        """Write the index."""
        self.zip.close()


class ArchiveReader:
    """Reads records of a file that nobody vouches for.

    Raises:
        FileError: MG-F101 for what is damaged, MG-F102 for another kind of file.
    """

    def __init__(self, source: str | os.PathLike[str] | IO[bytes]) -> None:
        self.source = source
        self.name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the file"
        if not isinstance(source, (str, os.PathLike)) and not hasattr(source, "seek"):
            raise FileError(f"a {type(source).__name__} is neither a path nor a binary file")
        try:
            self.zip = zipfile.ZipFile(source)
        except FileNotFoundError:
            raise
        except (
            OSError,
            ValueError,
            zipfile.BadZipFile,
            NotImplementedError,
            EOFError,
            OverflowError,
            MemoryError,
        ) as error:
            raise FileError(f"{self.name}: not a .pt2 file: {error}") from None
        infos = self.zip.infolist()
        if not infos or len(infos) > _MOST_RECORDS:
            raise FileError(f"{self.name}: not a .pt2 file: it has {len(infos)} records")
        self.is_old = any(info.filename == _OLD for info in infos)
        self.root = "" if self.is_old else infos[0].filename.partition("/")[0]
        self.records: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            root, _, name = ("/" * self.is_old + info.filename).partition("/")
            if root != self.root or name in self.records:
                raise FileError(
                    f"{self.name}: not a .pt2 file: a record is called {info.filename!r}"
                )
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise FileError(
                    f"{name} is compressed: a .pt2 file stores its records as they are",
                    code="MG-F102",
                )
            self.records[name] = info
        self._map: mmap.mmap | None = None

    def has(self, name: str) -> bool:
        """Whether there is such a record."""
        return name in self.records

    def names(self, prefix: str) -> list[str]:
        """The records whose names begin so, without that beginning."""
        return [name[len(prefix) :] for name in self.records if name.startswith(prefix)]

    def bytes(self, name: str, most: int = _MOST_TEXT) -> bytes:
        """A record."""
        info = self.records.get(name)
        if info is None:
            raise FileError(f"{name} is missing")
        if info.file_size > most:
            raise FileError(f"{name} is too long: {info.file_size} bytes")
        try:
            return self.zip.read(info)
        except (
            zipfile.BadZipFile,
            OSError,
            EOFError,
            ValueError,
            NotImplementedError,
            RuntimeError,
            zlib.error,
            MemoryError,
            OverflowError,
        ) as error:
            raise FileError(f"{name} is damaged: {error}") from None

    def text(self, name: str) -> str:
        """A record of text."""
        try:
            return self.bytes(name).decode()
        except UnicodeDecodeError:
            raise FileError(f"{name} is damaged: it is not text") from None

    def memory(self, name: str) -> torch.Tensor:
        """A record as bytes in a tensor: mapped from the file, private to this process."""
        info = self.records.get(name)
        if info is None:
            raise FileError(f"{name} is missing")
        if not info.file_size:
            return torch.empty(0, dtype=torch.uint8)
        if not isinstance(self.source, (str, os.PathLike)):
            return torch.frombuffer(bytearray(self.bytes(name, most=1 << 62)), dtype=torch.uint8)
        begins = self._begin_of(info)
        whole = self._mapped()
        found = torch.frombuffer(whole, dtype=torch.uint8, count=info.file_size, offset=begins)
        if zlib.crc32(memoryview(whole)[begins : begins + info.file_size]) != info.CRC:
            raise FileError(f"{name} is damaged: its checksum differs")
        if begins % 16:  # written by another program: not where a kernel may read it
            found = found.clone()
        return found

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            with open(self.source, "rb") as file:  # type: ignore[arg-type]
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return self._map

    def _begin_of(self, info: zipfile.ZipInfo) -> int:
        """Where the content of a record begins: after its name and its extra field."""
        whole = self._mapped()
        header = whole[info.header_offset : info.header_offset + 30]
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise FileError(f"{info.filename} is damaged: its header is not where the index says")
        name, extra = (int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
        begins = info.header_offset + 30 + name + extra
        if begins + info.file_size > len(whole):
            raise FileError(f"{info.filename} is truncated")
        return begins

    def close(self) -> None:
        """Done; what was mapped stays as long as it is used."""
        self.zip.close()

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
