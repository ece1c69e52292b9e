"""The screen: the only part of the package that imports textual and rich."""
