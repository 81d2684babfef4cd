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
JOURNAL_HEADINGS = ("Time", "Press by account", "Outcome")
JOURNAL_SORTS = ("time", "account", "outcome")
WORKING_ORDER = "Working order"
ORDER_PRICE = "Price"
ORDER_STATE = "State"
NUMBER_HEADINGS = frozenset({"Avg", "Market", "P/L"})
ORDER_IDS_HEADING = "Order ids (reported)"
CLOSED_POSITIONS = "Closed positions (reported)"
NO_RESULT = "Nothing reported yet. Order ids and closed positions of the last press are listed here."
TOTAL = "Total (reported)"
LAST_RESULT = "Last result"
JOURNAL = "Journal"
JOURNAL_FILTER = "Search the journal"
CLEAR_SEARCH = "Clear the search"
JOURNAL_ACCOUNT = "Account of the press"
JOURNAL_OUTCOME = "Outcome of the press"
JOURNAL_DAY = "Day of the press"
ANY_ACCOUNT = "Account"
ANY_OUTCOME = "Outcome"
ANY_DAY = "Day"
JOURNAL_COUNT = "How many presses"
OPEN_TIMELINE = "Show the timeline"
EXPORT = "Export…"
EXPORT_TIP = "Writes what is listed to a CSV file"
EXPORT_TITLE = "Export as CSV"
CSV_FILES = "CSV files (*.csv)"
TIMELINE = "Timeline of the press"
TIMELINE_HEADINGS = ("After", "Time", "What")
BACK = "← Back"
STEP_DETAIL = "The chosen step in full"
AS_REPORTED = "In the order reported"
SORT_BY = "Sort by {heading}"
RISES, FALLS = "\u2009▴", "\u2009▾"
RISING = "{heading}, sorted, rising"
FALLING = "{heading}, sorted, falling"
COPY_IDS = "Copy all ids"
COPY = "Copy"
COPY_ALL = "Copy all"

OUTCOMES = "Outcome of the last press, and presses not yet resolved"
ACKNOWLEDGE = "ACKNOWLEDGE"

TICKET = "Reverse ticket: size, type, prices, OCO"
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

HOW_TO_START = (
    "Paste the token of your CrossTrade account. It is kept in this computer's keyring and goes to this "
    "server only. Or practise first, on an exchange inside this program."
)
HOW_TO_START_UNKEPT = (
    "Paste the token of your CrossTrade account. It serves until the panel is closed and goes to this "
    "server only. Or practise first, on an exchange inside this program."
)
TOKEN = "CrossTrade token"  # noqa: S105 - a caption
SAVE = "SAVE"
PRACTICE = "PRACTICE"

BY_HAND = "By hand"
BY_HAND_TIP = "What is left when nothing else works: NinjaTrader itself, the broker's web and desk phone"
PHONE = "Broker's desk phone"
WEB = "Broker's web platform"
COPY_PHONE = "Copy"
COPY_PHONE_SPOKEN = "Copy the phone number"
OPEN_WEB = "Open"
OPEN_WEB_SPOKEN = "Open the broker's web platform"
OPEN_WEB_NOW = "OPEN IN THE BROWSER"
PHONE_HINT = "not entered yet"
WEB_HINT = "https://…"

SETTINGS = "Settings"
SETTINGS_ITEM = "Settings…"
SETTINGS_TIP = "Token, server, holds, names, looks; on a page of the window"
CONNECTION = "Connection"
HOLDING = "Holding"
LOOKS = "Window"
NICKNAMES = "Nicknames"
NICKNAME = "Nickname"
NICKNAME_HINT = "the API's own name"
NICKNAME_ACCOUNT = "Account to be named"
BASE_URL = "Address of the API"
BASE_URL_HINT = "https://app.crosstrade.io"
APPLY = "APPLY"
TRANSPORT = "Presses go over"
TRANSPORTS = {False: "REST", True: "Stream"}
USE_SYSTEM_PROXY = "Through the system's proxy"
NEW_TOKEN = "Token for this address"  # noqa: S105 - a caption
NEW_TOKEN_HINT = "paste a token"  # noqa: S105 - a caption
TEST_AND_SAVE = "TEST AND SAVE"
REMOVE_TOKEN = "REMOVE"  # noqa: S105 - a caption
REMOVE_TOKEN_SPOKEN = "Remove the token from the keyring"  # noqa: S105 - a caption
HOLD_WIDE = "Hold FLATTEN for all accounts, seconds"
HOLD_NARROW = "Hold REVERSE and others, seconds"
HOT_KEY = "Key for FLATTEN, from any program"
HOT_KEYS = {
    "off": "Off",
    "Ctrl+Alt+F9": "Ctrl+Alt+F9",
    "Ctrl+Shift+F9": "Ctrl+Shift+F9",
    "Ctrl+Alt+Shift+F": "Ctrl+Alt+Shift+F",
}
HOT_KEY_TIP = "{key} presses it from any program, for one account and where no hold is asked for."
NEIGHBOUR = "Place beside NinjaTrader"
NEIGHBOUR_TIP = "Moves the panel to the right or left of NinjaTrader's foremost window"
START_AT_LOGIN = "Start at login"
MASK_NAMES = "Mask account names"
SOUND = "Beep when an outcome needs the eye"

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
