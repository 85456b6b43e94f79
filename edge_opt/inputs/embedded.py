"""Where the files that ship with edge-opt are: at the top of a checkout, under ``edge_opt/share`` in a wheel."""

from __future__ import annotations

from pathlib import Path

from edge_opt.errors import InputError

PACKAGE = Path(__file__).resolve().parent.parent

DEMO_MODEL = "examples/web_app/clothes_classifier.keras"
DEMO_DATA = "calibration_data/fashion_mnist.npz"


def shared_path(name: str) -> Path:
    """The file or folder that ships as ``name`` (``targets``, :data:`DEMO_DATA`).

    Raises InputError where this installation lacks it.
    """
    installed = PACKAGE / "share" / name
    if installed.exists():
        return installed
    checkout = PACKAGE.parent
    # beside an installed package, a folder of that name would be somebody else's
    if (checkout / name).exists() and checkout.name not in {"site-packages", "dist-packages"}:
        return checkout / name
    raise InputError(
        f"this installation of edge-opt lacks its own '{name}'", "install it again, or use a full checkout"
    )
