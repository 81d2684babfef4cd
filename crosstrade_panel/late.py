"""Modules that are loaded when they are first asked for something.

A press from the command line leaves before anything is printed: what only prints is loaded behind it.
"""

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import ModuleType


def late(name: str) -> ModuleType:
    """The module of this package with that name, loaded with the first look at one of its names.

    Raises:
        ModuleNotFoundError: there is none.
    """
    package = sys.modules[__package__]
    full_name = f"{package.__name__}.{name}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    spec = find_spec(full_name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(full_name, name=full_name)
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[full_name] = module
    spec.loader.exec_module(module)
    setattr(package, name, module)
    return module
