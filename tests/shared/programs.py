"""Programs with ``assert`` statements: pytest rewrites those in test modules."""


def asserting(x, n):
    k = n.item()
    assert k > 0, "must be positive"
    assert k <= 6
    return x.narrow(0, 0, k)
