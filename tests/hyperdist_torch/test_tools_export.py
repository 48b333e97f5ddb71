"""``torch.export`` and ``torch.compile`` of what goes into programs: densities, layers, models, flows; autocast."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from tests.support.torch.laws import CASES, TORUS  # noqa: E402
from tests.support.torch.tools import Subject, carried, density, layers, models  # noqa: E402

FEW = [case for case in (*CASES, *TORUS) if case.label in ("wrapped-d3", "vmf-m2", "torus-d3", "riemannian-d5")]
DENSITIES = [density(case) for case in FEW]
MODULES = [*layers(), *models(), *(subject for subject in carried() if subject.name in ("sphere", "poincare"))]
# torch's own warnings, where its compiler loads
pytestmark = [
    pytest.mark.usefixtures("fresh_compiler"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Without what others have compiled."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Program(nn.Module):
    """A function as the module that ``torch.export`` takes."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.function = subject.function

    def forward(self, *arguments: Tensor) -> Tensor:
        return self.function(*arguments)


def close(got: Tensor, want: Tensor) -> None:
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("subject", [*DENSITIES, *MODULES], ids=str)
def test_export(subject: Subject) -> None:
    """At the default validation, whose checks a program does not hold."""
    program = torch.export.export(Program(subject), subject.traced, strict=False).module()
    close(program(*subject.asked), subject.function(*subject.asked))


@pytest.mark.parametrize("subject", [*layers(), *models()], ids=str)
def test_compile(subject: Subject) -> None:
    compiled = torch.compile(subject.function, backend="eager")
    close(compiled(*subject.traced), subject.function(*subject.traced))
    close(compiled(*subject.asked), subject.function(*subject.asked))


@pytest.mark.parametrize("subject", DENSITIES[1:3], ids=str)
def test_checks_hold_in_a_compiled_function(subject: Subject) -> None:
    """Where they are asked for, the compiler breaks the graph at them: a value off the space raises as ever."""
    case = next(case for case in FEW if case.label == subject.name)
    checked = density(case, validate_args=True)
    compiled = torch.compile(checked.function, backend="eager")
    close(compiled(*checked.traced), checked.function(*checked.traced))
    x, *parameters = checked.traced
    with pytest.raises(ValueError, match="value must lie in the support"):
        compiled(x * torch.nan, *parameters)
