"""What tests of exported programs share: ours, and those of projects that use Monograph."""

from monograph.testing.compare import assert_equal, assert_exports, assert_specs_hold
from monograph.verification import drawn_tensor

__all__ = ["assert_equal", "assert_exports", "assert_specs_hold", "drawn_tensor"]
