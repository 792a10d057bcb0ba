"""Tools for work on the project. Nothing here is deployed or installed."""
