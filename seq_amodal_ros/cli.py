"""seq-amodal."""


def main() -> int:
    """Run."""
    return 0
