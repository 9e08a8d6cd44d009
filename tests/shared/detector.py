"""A detector in two stages, of the kind of Faster R-CNN: a list of images of any size in.

Images are resized inside; proposals come from anchors on a grid, are cut to the image, and those
that overlap are dropped; each is read from the features, classified and moved; boxes of one class
that overlap are dropped, unless there is none.
"""

import torch
from torch import nn
from torch.nn import functional as F


@torch.library.custom_op("detector::nms", mutates_args=())
def nms(boxes: torch.Tensor, scores: torch.Tensor, limit: float) -> torch.Tensor:
    """Indices of the boxes to keep, the best first."""
    order, kept = scores.argsort(descending=True), []
    while order.numel():
        best, rest = order[0], order[1:]
        kept.append(best)
        first = torch.maximum(boxes[best, :2], boxes[rest, :2])
        last = torch.minimum(boxes[best, 2:], boxes[rest, 2:])
        both = (last - first).clamp(min=0).prod(1)
        order = rest[both / (_area(boxes[best]) + _area(boxes[rest]) - both) <= limit]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)


@nms.register_fake
def _(boxes, scores, limit):
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def _area(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def batched_nms(boxes, scores, labels, limit):
    """As torchvision has it: boxes of several classes lie apart."""
    if boxes.numel() == 0:
        return torch.empty((0,), dtype=torch.int64, device=boxes.device)
    offsets = labels.to(boxes) * (boxes.max() + 1)
    return nms(boxes + offsets[:, None], scores, limit)


def decoded(deltas, boxes):
    """Boxes that are moved and scaled."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x = boxes[:, 0] + width / 2 + deltas[:, 0] * width
    y = boxes[:, 1] + height / 2 + deltas[:, 1] * height
    width = width * deltas[:, 2].clamp(max=1.0).exp()
    height = height * deltas[:, 3].clamp(max=1.0).exp()
    return torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 1)


def clipped(boxes, height, width):
    """Boxes inside of an image."""
    x, y = boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)


class Detector(nn.Module):
    """A dictionary of boxes, scores and labels for each image."""

    def __init__(self, classes=3):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()
        )
        self.objectness, self.deltas = nn.Conv2d(8, 3, 1), nn.Conv2d(8, 12, 1)
        self.head = nn.Linear(8 * 4, 16)
        self.classes = nn.Linear(16, classes + 1)
        self.boxes = nn.Linear(16, 4 * (classes + 1))
        self.register_buffer("sizes", torch.tensor([[8.0, 8.0], [16.0, 8.0], [8.0, 16.0]]))
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6])[:, None, None])

    def resized(self, image):
        """The shorter side 32, unless the longer one is above 64 then."""
        height, width = image.shape[-2:]
        scale = min(32 / min(height, width), 64 / max(height, width))
        return F.interpolate(
            image[None], scale_factor=scale, mode="bilinear", recompute_scale_factor=True,
            align_corners=False,
        )  # fmt: skip

    def proposals(self, features, image):
        """The best anchors, moved, without those that are small or overlap."""
        rows, columns = features.shape[-2:]
        height, width = image.shape[-2:]
        y = torch.arange(rows) * (height // rows)
        x = torch.arange(columns) * (width // columns)
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij"), -1).flip(-1).reshape(-1, 1, 2)
        anchors = torch.cat([grid - self.sizes / 2, grid + self.sizes / 2], -1).reshape(-1, 4)
        scores = self.objectness(features).permute(0, 2, 3, 1).reshape(-1)
        deltas = self.deltas(features).permute(0, 2, 3, 1).reshape(-1, 4)
        scores, best = scores.topk(min(50, scores.shape[0]))
        boxes = clipped(decoded(deltas[best], anchors[best]), height, width)
        is_large = (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
        large = is_large.nonzero().squeeze(1)
        boxes, scores = boxes[large], scores[large]
        return boxes[nms(boxes, scores, 0.7)[:20]]

    def pooled(self, features, boxes, image):
        """Two by two features of each box."""
        height, width = image.shape[-2:]
        steps, count = (torch.arange(2) + 0.5) / 2, boxes.shape[0]
        x = boxes[:, 0:1] + (boxes[:, 2:3] - boxes[:, 0:1]) * steps
        y = boxes[:, 1:2] + (boxes[:, 3:4] - boxes[:, 1:2]) * steps
        x = (x * 2 / width - 1)[:, None, :].expand(count, 2, 2)
        y = (y * 2 / height - 1)[:, :, None].expand(count, 2, 2)
        places = torch.stack([x, y], -1)
        return F.grid_sample(features.expand(count, -1, -1, -1), places, align_corners=False)

    def detected(self, original):
        """What is in one image."""
        image = self.resized(original - self.mean)
        features = self.backbone(image)
        boxes = self.proposals(features, image)
        hidden = self.head(self.pooled(features, boxes, image).flatten(1)).relu()
        scores = self.classes(hidden).softmax(-1)[:, 1:]
        deltas = self.boxes(hidden).reshape(boxes.shape[0], -1, 4)[:, 1:]
        count = scores.shape[1]
        moved = decoded(deltas.reshape(-1, 4), boxes.repeat_interleave(count, 0))
        moved = clipped(moved, image.shape[-2], image.shape[-1])
        labels = torch.arange(1, count + 1).expand(boxes.shape[0], count).reshape(-1)
        good = (scores.reshape(-1) > 0.25).nonzero().squeeze(1)
        moved, scores, labels = moved[good], scores.reshape(-1)[good], labels[good]
        keep = batched_nms(moved, scores, labels, 0.5)[:10]
        across = original.shape[-1] / image.shape[-1]
        down = original.shape[-2] / image.shape[-2]
        back = torch.tensor([across, down]).repeat(2)
        return {"boxes": moved[keep] * back, "scores": scores[keep], "labels": labels[keep]}

    def forward(self, images):
        return [self.detected(image) for image in images]
