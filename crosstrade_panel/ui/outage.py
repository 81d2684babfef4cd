"""When NinjaTrader does not answer, and what is offered then: once per outage, by itself. Knows no Qt."""


class Outage:
    """Whether what is left by hand lies open, and who opened it.

    An outage begins with a 408, of a read or of a press, and ends with a good read that was sent after it.
    """

    def __init__(self) -> None:
        self.is_open = False
        self._opened_itself = False
        self._since: float | None = None

    @property
    def is_on(self) -> bool:
        """Whether NinjaTrader is away, as far as is known."""
        return self._since is not None

    def meet(self, at: float) -> None:
        """A 408 came (monotonic seconds): open, unless that was done, or undone, in this outage already."""
        is_new, self._since = self._since is None, at
        if is_new and not self.is_open:
            self.is_open = self._opened_itself = True

    def see_good_read(self, sent_at: float) -> None:
        """Positions were read. What opened by itself closes by itself; what the trader opened stays."""
        if self._since is None or sent_at <= self._since:
            return
        self._since = None
        if self._opened_itself:
            self.is_open = self._opened_itself = False

    def toggle(self) -> None:
        """The trader opens or closes it."""
        self.is_open = not self.is_open
        self._opened_itself = False
