"""The fixed words of the window: captions, headings and names for a screen reader.

Everything that is said about money comes finished in a view; nothing here depends on state.
"""

WINDOW = "CrossTrade Panel"
ACCOUNT = "Account"
INSTRUMENT = "Instrument"
DIRECTION = "Direction"
ANY_SIDE = "Any side"
LONG = "Long"
SHORT = "Short"
NOT_IN_LIST = "not in the list"

IN_SCOPE = "In scope now"
PREVIEW_HEADINGS = ("Account", "Instrument", "Pos.", "Avg", "P/L")
CLOSED_HEADINGS = ("Account", "Instr.", "Closed", "Avg", "Market", "P/L")
JOURNAL_HEADINGS = ("Time", "Press", "Outcome")
WORKING_ORDER = "Working order"
ORDER_PRICE = "Price"
ORDER_STATE = "State"
NUMBER_HEADINGS = frozenset({"Avg", "Market", "P/L"})
ORDER_IDS_HEADING = "Order ids (reported)"
CLOSED_POSITIONS = "Closed positions (reported)"
TOTAL = "Total"
LAST_RESULT = "Last result"
JOURNAL = "Journal"
COPY = "Copy"
COPY_ALL = "Copy all"

OUTCOMES = "Outcome of the last press, and presses not yet resolved"
ACKNOWLEDGE = "ACKNOWLEDGE"

TICKET = "Reverse ticket: quantity, type, prices, OCO"
TICKET_TIP = "Quantity, order type, prices, time in force, OCO id, ATM strategy of the order after the close"
QUANTITY = "Quantity"
ORDER_TYPE = "Order type"
LIMIT_PRICE = "Limit price"
STOP_PRICE = "Stop price"
TIME_IN_FORCE = "Time in force"
OCO_ID = "OCO id"
STRATEGY = "ATM strategy"
ORDER_TYPES = {"market": "Market", "limit": "Limit", "stop-market": "Stop market", "stop-limit": "Stop limit"}
TIMES_IN_FORCE = {"day": "Day", "gtc": "GTC"}

NO_TOKEN = "NO TOKEN"  # noqa: S105 - a caption
HOW_TO_START = (
    "Paste the token of your CrossTrade account. It is kept in this computer's keyring, for this address "
    "only. Or practise first, on an exchange inside this program."
)
TOKEN = "CrossTrade token"  # noqa: S105 - a caption
SAVE = "SAVE"
PRACTICE = "PRACTICE"

LINK = "Link"
BUDGET = "Requests left, our estimate; other programs share them"
MODE = "Mode"
PIN = "Always on top"
MENU = "Menu"
DRILLS = "Practice drills"
NO_DRILL = "No drill"
DRILL = "Drill: {title}"
START_OVER = "Start over"
START_OVER_TIP = "The practice exchange begins anew: accounts, positions and orders as at the start"
STREAM = "Send presses over the stream"
STREAM_TIP = (
    "Takes the stream over from other tools that use this token; reads and cancels always go over REST"
)
TAKE_STREAM_BACK = "Take the stream back"
TAKE_STREAM_BACK_TIP = "Takes the stream over from the tool that has it now"
THEME = "Theme"
THEMES = {"system": "As the system", "dark": "Dark", "light": "Light"}
ABOUT = "About"
QUIT = "Quit"
ABOUT_TEXT = (
    "CrossTrade Panel flattens and reverses NinjaTrader 8 positions through the CrossTrade API, and says "
    "only what was proved.\n\nIt is not affiliated with CrossTrade or NinjaTrader.\n\nIt uses Qt for Python "
    "under the LGPL; the notices of all parts travel with the program."
)
CLOSE = "Close"

FLATTEN_CHORD = "Ctrl+Alt+F"
REVERSE_CHORD = "Ctrl+Alt+R"
ACTION_CHORD = "Ctrl+Alt+B while it has the focus"
ARMED = "armed: the same again within {seconds:.0f} s presses it"
HOLD = "hold"
