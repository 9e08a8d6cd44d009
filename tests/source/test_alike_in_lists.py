"""A number that is the same for all items of a list of unknown length is known as such."""

import pytest
import torch

from monograph import Dim, export


def _largest_of_each(shapes):
    largest = shapes[0]
    for shape in shapes[1:]:
        for place, size in enumerate(shape):
            largest[place] = max(largest[place], size)
    return largest


def _padded(images):
    largest = _largest_of_each([list(image.shape) for image in images])
    padded = torch.zeros([len(images), *largest])
    mask = torch.ones((len(images), *largest[1:]), dtype=torch.bool)
    for image, place, hidden in zip(images, padded, mask, strict=True):
        place[: image.shape[0], : image.shape[1], : image.shape[2]].copy_(image)
        hidden[: image.shape[1], : image.shape[2]] = False
    return padded, mask


def _of_the_last(images):
    sizes = [(image.shape[1], image.shape[2] + 1) for image in images]
    return torch.ones(sizes[-1]) * images.sum()


def _of_a_part(images):
    shapes = [{"rows": image.shape[1], "channels": 2} for image in images][1:]
    return torch.ones(shapes[0]["rows"], shapes[0]["channels"]) + images.sum()


def _beside_what_differs(images):
    places = [(i * image.shape[1], image.shape[1]) for i, image in enumerate(images)]
    return torch.ones(places[1][1]) * places[1][0] + images.sum()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [_padded, _of_the_last, _of_a_part, _beside_what_differs])
def test_it_is_a_size(program, strict):
    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    ep = export(program, (torch.randn(2, 3, 4, 5),), dynamic_shapes=shapes, strict=strict)
    for size in ((2, 3, 4, 5), (3, 3, 5, 4), (5, 3, 1, 2), (2, 3, 0, 1)):
        images = torch.randn(size)
        torch.testing.assert_close(ep.module()(images), program(images))


def _first_of_chunks(x):
    return x.chunk(3)[0]


def _last_of_chunks(x):
    return [piece.sum() for piece in x.chunk(3)][-1]


def _sums_of_chunks(x):
    return torch.stack([piece.sum() for piece in x.chunk(3)])


def _how_many_chunks(x):
    return x * len(x[x > 0].chunk(2)), x[x > 0].chunk(2)[0]


@pytest.mark.parametrize(
    "program", [_first_of_chunks, _last_of_chunks, _sums_of_chunks, _how_many_chunks]
)
def test_of_nothing_there_are_as_many_chunks_as_are_asked_for(program):
    ep = export(program, (torch.randn(5),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=True)
    for size in (0, 1, 2, 3, 4, 5, 7, 9):
        x = torch.linspace(-1, 1, size)
        torch.testing.assert_close(ep.module()(x), program(x))
