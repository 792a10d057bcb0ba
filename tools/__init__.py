"""Tools for work on the project. Nothing that is deployed or installed imports them."""
