"""Real architectures: exported, and equal to eager on the example and on fresh inputs."""

import pytest
from bench.models import SMALL

from monograph.testing import assert_exports


@pytest.mark.parametrize("name", SMALL)
def test_model_equals_eager(name):
    model, args, kwargs = SMALL[name]()
    assert_exports(model, args, kwargs, tolerance=1e-5)
