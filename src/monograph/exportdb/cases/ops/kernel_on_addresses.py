"""A kernel that is launched on addresses.

What it shows
-------------
Memory is handed to foreign code by `data_ptr()`: a Triton kernel launched as `kernel[grid](x, y)`
does so, and so do `ctypes`, CUDA modules and libraries that were bound by hand.

Why it is hard
--------------
While a program is captured its tensors have no memory, and the graph would know nothing of the
kernel.

What Monograph does
-------------------
Refuses the address, with the line.

Use instead
-----------
An operator: `torch.library.custom_op` around the launch, with a fake implementation that tells the
result's shape (`torch.library.triton_op` is the same for Triton kernels, which compilers can then
look into). The program has one node for it.

See also
--------
custom_operator_with_fake, address_of_memory
"""

import ctypes

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.custom-operator", "torch.aliasing"), support=Support.UNSUPPORTED)


def launch(source, target):
    """Stands for a kernel: it copies bytes from one address to another."""
    addresses = target.data_ptr(), source.data_ptr()  # refused: MG-P106
    ctypes.memmove(*addresses, source.numel() * source.element_size())


class LaunchesKernel(nn.Module):
    def forward(self, x):
        y = torch.empty_like(x)
        launch(x, y)
        return y * 2


def model():
    return LaunchesKernel()


def inputs():
    return call(torch.randn(4))


def more_inputs():
    return [call(torch.ones(4))]


@torch.library.custom_op("exportdb_kernel::copied", mutates_args=())
def copied(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    launch(x, y)
    return y


@copied.register_fake
def _(x):
    return torch.empty_like(x)


class CallsOperator(nn.Module):
    def forward(self, x):
        return copied(x) * 2


def rewrite_operator():
    return CallsOperator()


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n)) for n in (1, 9)]


EXPECT = Expect(code="MG-P106")
