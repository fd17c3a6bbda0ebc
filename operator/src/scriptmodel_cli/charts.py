"""Draws progress bars. Pure."""


def bar(percent: int, width: int) -> str:
    full = width * max(0, min(100, percent)) // 100
    return "█" * full + "░" * (width - full)
