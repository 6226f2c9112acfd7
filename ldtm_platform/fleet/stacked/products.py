"""Batched matrix products in a chosen precision: where the arithmetic of a stack is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

# tf32 keeps float32 storage and rounds operands to 10 bits of mantissa inside the matrix units; bfloat16 rounds them
# to 7 bits before, which halves what they move. Sums, gates, cells and master weights are in the stack's type always.
Precision = Literal["full", "tf32", "bfloat16"]


@dataclass(frozen=True)
class Products:
    """Products of (K, m, n) stacks of matrices; operands are rounded to `rounded` first, where given."""

    rounded: torch.dtype | None = None

    def operand(self, matrices: Tensor) -> Tensor:
        """Matrices as they go into a product: rounds once what is multiplied often."""
        return matrices if self.rounded is None else matrices.to(self.rounded)

    def of(self, left: Tensor, right: Tensor, dtype: torch.dtype) -> Tensor:
        """left @ right."""
        return torch.bmm(self.operand(left), self.operand(right)).to(dtype)

    def plus(self, start: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """start + left @ right."""
        if self.rounded is None:
            return torch.baddbmm(start, left, right)
        return torch.bmm(self.operand(left), self.operand(right)) + start

    def add(self, total: Tensor, left: Tensor, right: Tensor) -> None:
        """total += left @ right."""
        if self.rounded is None:
            total.baddbmm_(left, right)
        else:
            total += torch.bmm(self.operand(left), self.operand(right))

    def into(self, out: Tensor, left: Tensor, right: Tensor) -> None:
        """out = left @ right."""
        if self.rounded is None:
            torch.bmm(left, right, out=out)
        else:
            out.copy_(torch.bmm(self.operand(left), self.operand(right)))


def products_of(precision: Precision) -> Products:
    """The products of a precision; tf32 also needs `matrix_units`."""
    return Products(torch.bfloat16 if precision == "bfloat16" else None)


@contextmanager
def matrix_units(precision: Precision) -> Iterator[None]:
    """Float32 products inside the block may be rounded by the matrix units, if that is the precision."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
