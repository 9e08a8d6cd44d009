"""Random programs with nested control flow over tensors."""

import random

HEADER = "import torch\n\n\ndef program(a, b, n):\n"


class Generator:
    """Writes one program; ``in_place`` adds statements that write tensors."""

    def __init__(self, seed, in_place=False):
        self.random = random.Random(seed)
        self.in_place = in_place
        self.names = 0

    def source(self):
        lines = ["a, b = a.clone(), b.clone()", "s = a.sum()", *self.block(3, False, 3)]
        lines.append("return a, b, s")
        return HEADER + "".join(f"    {line}\n" for line in lines)

    def block(self, depth, in_loop, most):
        lines = []
        for _ in range(self.random.randint(1, most)):
            lines += self.statement(depth, in_loop)
        return lines

    def statement(self, depth, in_loop):
        kinds = ["assign"] * 3
        if depth:
            kinds += ["if"] * 4 + ["while", "for", "count", "rows", "ternary", "choice"]
        return getattr(self, "make_" + self.random.choice(kinds))(depth, in_loop)

    def make_assign(self, depth, in_loop):
        choices = [
            "a = a * 0.5 + b", "b = b - a * 0.25", "s = a.sum() - b.max()", "a = a + s * 0.125",
            "b = torch.where(a > 0, b, -b)", "s = s * 0.5 + 1", "a, b = b, a", "t = a + b",
            "a = a.clamp(-4, 4)", "s = (a * b).mean()",
        ]  # fmt: skip
        if self.in_place:
            choices += [
                "a[0] = s",
                "b += 1",
                "a.mul_(0.5)",
                "b[1:] = a[:2] * 2",
                "a = b",
                "a = b[:]",
            ]
        return [self.random.choice(choices)]

    def condition(self):
        simple = ["a.sum() > 0", "s < b.max()", "b.min() < -1", "(a > b).all()", "s > 0.5",
                  "(a > 0).any()", "a.abs().max() > 2"]  # fmt: skip
        one, other = self.random.sample(simple, 2)
        forms = [one] * 5 + [f"{one} and {other}", f"{one} or {other}", f"not ({one})",
                             "-1 < s < 1.5", f"not ({one} or {other})"]  # fmt: skip
        return self.random.choice(forms)

    def indented(self, lines):
        return ["    " + line for line in lines]

    def jump(self, in_loop):
        kinds = ["return a, b, s", "return b, a, s * 2"]
        if in_loop:
            kinds += ["break", "continue", "break", "continue"]
        return self.random.choice(kinds)

    def make_if(self, depth, in_loop):
        lines = [f"if {self.condition()}:"]
        body = self.block(depth - 1, in_loop, 2)
        if self.random.random() < 0.3:
            body.append(self.jump(in_loop))
        lines += self.indented(body)
        if self.random.random() < 0.25:
            lines.append(f"elif {self.condition()}:")
            lines += self.indented(self.block(depth - 1, in_loop, 2))
        if self.random.random() < 0.5:
            lines.append("else:")
            body = self.block(depth - 1, in_loop, 2)
            if self.random.random() < 0.2:
                body.append(self.jump(in_loop))
            lines += self.indented(body)
        return lines

    def make_ternary(self, depth, in_loop):
        return [f"s = a.mean() if {self.condition()} else b.sum()"]

    def make_choice(self, depth, in_loop):
        return [f"a = a + (b if {self.condition()} else -b)"]

    def loop(self, head, depth):
        lines = [head, *self.indented(self.block(depth - 1, True, 2))]
        if self.random.random() < 0.2:
            lines += ["else:", *self.indented(self.block(0, False, 1))]
        return lines

    def make_while(self, depth, in_loop):
        self.names += 1
        k = f"k{self.names}"
        lines = self.loop(f"while {k} < 4 and ({self.condition()}):", depth)
        return [f"{k} = 0", lines[0], f"    {k} = {k} + 1", *lines[1:]]

    def make_for(self, depth, in_loop):
        self.names += 1
        i = f"i{self.names}"
        lines = self.loop(f"for {i} in range({self.random.randint(1, 3)}):", depth)
        return [lines[0], f"    s = s + {i}", *lines[1:]]

    def make_count(self, depth, in_loop):
        self.names += 1
        i = f"i{self.names}"
        lines = self.loop(f"for {i} in range(n.item()):", depth)
        return [lines[0], f"    b = b + {i} * 0.5", *lines[1:]]

    def make_rows(self, depth, in_loop):
        self.names += 1
        row = f"r{self.names}"
        lines = self.loop(f"for {row} in a:", depth)
        return [lines[0], f"    s = s + {row}", *lines[1:]]
