"""Models as scikit-learn estimators: for `Pipeline`, `GridSearchCV`, `cross_val_score`, `clone`.

Needs `pip install "minidl[sklearn]"`; scikit-learn is imported when a wrapper is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidl.wrappers.classifier import SKLearnClassifier
    from minidl.wrappers.regressor import SKLearnRegressor
    from minidl.wrappers.transformer import SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]

_HOMES = {
    "SKLearnClassifier": "classifier",
    "SKLearnRegressor": "regressor",
    "SKLearnTransformer": "transformer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'minidl.wrappers' has no attribute {name!r}")
    from importlib import import_module

    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'{name} needs scikit-learn, which is not installed: pip install "minidl[sklearn]".'
        ) from error
    return getattr(import_module(f"minidl.wrappers.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
