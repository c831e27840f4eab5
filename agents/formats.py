"""Money and durations as people read them."""


def dollars(micros: int) -> str:
    """USD micros as `$3.42`, small amounts with as many places as they need: `$0.0041`."""
    if micros == 0:
        return "$0.00"
    amount = micros / 1_000_000
    if amount >= 0.1:
        return f"${amount:,.2f}"
    if amount < 0.0001:
        return "under $0.0001"
    return f"${amount:.4f}"


def seconds(value: float) -> str:
    """A duration as `0.6 s`, `12 s` or `2 min 5 s`."""
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"
