"""A detector from end to end: images of several sizes through one program."""

import detector
import pytest
import torch

import monograph
from monograph import Dim
from monograph.testing import assert_equal

IMAGES = [(40, 56), (64, 48), (33, 90)]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return detector.Detector().eval()


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 2])
def test_the_same_boxes_as_eager_mode(model, count):
    shapes = {"images": [{1: Dim.DYNAMIC, 2: Dim.DYNAMIC}] * count}
    images = [torch.rand(3, *size) for size in IMAGES]
    program = monograph.export(model, (images[:count],), dynamic_shapes=shapes, strict=True)
    module, found = program.module(), []
    for image in images:
        given = [image, images[0]][:count]
        wanted = model(given)
        assert_equal(module(given), wanted, tolerance=1e-4)
        found.append(len(wanted[0]["boxes"]))
    assert min(found) > 0


@torch.no_grad()
def test_an_image_without_boxes():
    model = detector.Detector().eval()
    model.classes.bias.data[0] = 100.0  # all is background
    shapes = {"images": [{1: Dim.DYNAMIC, 2: Dim.DYNAMIC}]}
    example = ([torch.rand(3, 40, 56)],)
    module = monograph.export(model, example, dynamic_shapes=shapes, strict=True).module()
    for size in IMAGES:
        image = torch.rand(3, *size)
        (found,) = module([image])
        assert found["boxes"].shape == (0, 4)
        assert_equal([found], model([image]))
