"""Programs against eager mode: calls are drawn over a contract, made in both, and compared."""

from monograph.verification.comparison import assert_equal, significant_strides
from monograph.verification.draws import drawn_tensor
from monograph.verification.verifying import DiffersError, Verification, verify

__all__ = [
    "DiffersError",
    "Verification",
    "assert_equal",
    "drawn_tensor",
    "significant_strides",
    "verify",
]
