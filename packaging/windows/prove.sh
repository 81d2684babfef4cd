#!/bin/bash
# Builds everything for Windows and uses it as a trader would, on Debian, under Wine. One command, as root:
#
#   packaging/windows/prove.sh [--no-tests] [--keep-frozen] FOLDER
#
# FOLDER gets the test bed, dist/ (what a release attaches), pictures/ and records/. Not part of the ordinary
# tests: some twenty minutes on four cores. --keep-frozen takes the frozen folder of the run before.
set -euo pipefail

with_tests=1 keep_frozen=0
while [[ ${1:-} == --* ]]; do
    case $1 in
        --no-tests) with_tests=0 ;;
        --keep-frozen) keep_frozen=1 ;;
        *) echo "no such option: $1" >&2; exit 2 ;;
    esac
    shift
done
folder=${1:?a folder for the test bed and what comes of it}
mkdir -p "$folder"/{dist,pictures,records}
folder=$(cd "$folder" && pwd)

# shellcheck source=packaging/windows/testbed.sh
. "$(dirname "${BASH_SOURCE[0]}")/testbed.sh" "$folder/bed"

began=$SECONDS
say() { printf '%5d s  %s\n' $((SECONDS - began)) "$*"; }
fail() { say "FAILED: $*"; picture failed; exit 1; }
require() { local sentence=$1; shift; "$@" >/dev/null 2>&1 || fail "$sentence"; say "ok  $sentence"; }
refuse() { local sentence=$1; shift; if "$@" >/dev/null 2>&1; then fail "$sentence"; fi; say "ok  $sentence"; }
picture() { import -window root "$folder/pictures/$1.png" 2>/dev/null || true; }
until_true() { # SECONDS COMMAND…: as soon as it holds
    local left=$(($1 * 4)); shift
    until "$@" >/dev/null 2>&1; do
        ((left-- > 0)) || return 1
        sleep 0.25
    done
}
in_background() { setsid "$@" </dev/null >/dev/null 2>&1 & }

mine=()
leave() {
    wine taskkill /f /im crosstrade-panel-gui.exe </dev/null >/dev/null 2>&1 || true
    for each in "${mine[@]}"; do kill "$each" 2>/dev/null || true; done
}
trap leave EXIT

# --- a screen, and a copy of the tree that nobody edits meanwhile

if [ -z "${DISPLAY:-}" ]; then
    export DISPLAY=:87
    Xvfb $DISPLAY -screen 0 1400x1000x24 >/dev/null 2>&1 & mine+=($!)
    until_true 10 xdotool getdisplaygeometry
    openbox >/dev/null 2>&1 & mine+=($!)
fi
tree=$WINEPREFIX/drive_c/panel
rm -rf "$tree"
mkdir -p "$tree"
tar cf - -C "$root" --exclude=__pycache__ --exclude=.mypy_cache pyproject.toml README.md CHANGELOG.md LICENSE \
    requirements.lock crosstrade_panel resources tests packaging .github .ci .gitignore | tar xf - -C "$tree"
echo 'C:\panel' >"$python_folder/Lib/site-packages/panel.pth"
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$tree/crosstrade_panel/__init__.py")
[ -n "$version" ] || fail "the version"

# --- the tests of the program, on the Python of Windows

if ((with_tests)); then
    failed=0
    # Not the matrix: it plays at a fifth of the time, in which a link under Wine is not open yet.
    rest=$(cd "$tree/tests" && echo rest budget contract e2e links packaging person test_*.py)
    for part in domain storage trading crosstrade simulator cli desktop ui security "$rest"; do
        name=${part%% *} paths=()
        for each in ${part#rest}; do paths+=("tests/$each"); done
        (
            cd "$tree"
            # What begins with QT_ never gets through Wine; tests/conftest.py says both things that Qt has to know.
            export PYTHONUTF8=1
            timeout 1500 wine 'C:\Python311\python.exe' -X faulthandler -m pytest -q -p no:cacheprovider \
                -n 2 --dist loadfile "${paths[@]}" </dev/null 2>&1 | cat >"$folder/records/$name.txt"
        ) || failed=1 # and the other tests are made all the same
        tail -n 1 "$folder/records/$name.txt" | grep -q passed || failed=1
        grep -qE '^(FAILED|ERROR)' "$folder/records/$name.txt" && failed=1
        say "tests, $name: $(tail -n 1 "$folder/records/$name.txt")"
    done
    ((failed == 0)) || fail "tests on the Windows Python; see $folder/records"
fi

# --- frozen

frozen=$folder/frozen/crosstrade-panel
if ((!keep_frozen)) || [ ! -d "$frozen" ]; then
    rm -rf "$folder/frozen" "$WINEPREFIX/drive_c/dist"
    mkdir -p "$folder/frozen"
    # Not through freeze.py: under Wine a pipe to PyInstaller stays open after its end.
    (cd "$tree" && PYTHONUTF8=1 PYTHONHASHSEED=1 timeout 1200 wine 'C:\Python311\python.exe' -m PyInstaller \
        --noconfirm --log-level WARN --distpath 'C:\dist' --workpath 'C:\work' packaging/crosstrade-panel.spec \
        </dev/null 2>&1 | cat >"$folder/records/freeze.txt")
    mv "$WINEPREFIX/drive_c/dist/crosstrade-panel" "$frozen"
    cp "$root/LICENSE" "$root/resources/THIRD-PARTY-NOTICES.txt" "$frozen/"
fi
say "frozen: $(du -sm --apparent-size "$frozen" | cut -f1) MB, $(find "$frozen" -type f | wc -l) files"
require "every library it needs is in the folder or Windows' own, and nothing is Wine's" \
    python3 "$here/dlls.py" "$frozen"

# --- the installer, and one of a later version to upgrade to

build() { python3 "$here/make_installer.py" "$frozen" "$folder/dist" "$@" >/dev/null || fail "the installer"; }
installer=$folder/dist/CrossTrade-Panel-$version.exe
later=$folder/later.exe
if ((!keep_frozen)) || [ "$here/installer.nsi" -nt "$later" ]; then
    build
    build --version 99.0.0 --quick
    mv "$folder/dist/CrossTrade-Panel-99.0.0.exe" "$later"
fi
(cd "$folder/dist" && sha256sum "CrossTrade-Panel-$version.exe" >"CrossTrade-Panel-$version.exe.sha256")
say "installer: $(($(stat -c %s "$installer") / 1000000)) MB"

# --- a Windows that has never seen the project: no Python, no settings

export WINEPREFIX=$folder/bed/fresh
rm -rf "$WINEPREFIX"
make_prefix
local_data=$(find "$WINEPREFIX/drive_c/users" -maxdepth 3 -path '*/AppData/Local' -not -path '*/Public/*' | head -1)
user=${local_data%/AppData/Local}
programs="$local_data/Programs/CrossTrade Panel"
data=$local_data/crosstrade-panel
entry="$user/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/CrossTrade Panel.lnk"
key='HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\CrossTradePanel'
run_key='HKCU\Software\Microsoft\Windows\CurrentVersion\Run'

registry() { wine reg query "$@" </dev/null 2>&1 | cat; }
# No grep -q behind a pipe: it leaves early, and whoever still writes is taken for failed.
has() { registry "${@:2}" | grep -F "$1" >/dev/null; }
install_it() { local code=0; timeout 300 wine "$@" /S </dev/null >/dev/null 2>&1 || code=$?; echo $code; }
panel() { [ -n "$(xdotool search --onlyvisible --name '^CrossTrade Panel$')" ]; }
no_panel() { ! panel; }
windows() { xdotool search --onlyvisible --name '^CrossTrade Panel$' | wc -l; }
start_entry() { in_background wine start "$(winepath -w "$entry" 2>/dev/null </dev/null)"; }
presses() {
    python3 - "$data/journal.sqlite3" "$1" <<'PY'
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute("SELECT verdict FROM steps WHERE kind = 'outcome'").fetchall()
sys.exit(0 if [row[0] for row in rows].count(sys.argv[2]) else 1)
PY
}

code=$(install_it "$installer" /DESKTOP /STARTUP)
[ "$code" = 0 ] || fail "installing ended with $code"
for each in crosstrade-panel.exe crosstrade-panel-gui.exe uninstall.exe LICENSE THIRD-PARTY-NOTICES.txt; do
    require "installed: $each" test -s "$programs/$each"
done
require "it has its entry in the Start menu" test -s "$entry"
require "… and an icon on the desktop" test -s "$user/Desktop/CrossTrade Panel.lnk"
require "it is among the installed programs" has "$version" "$key" /v DisplayVersion
require "… and starts at login" has crosstrade-panel-gui.exe "$run_key"

# --- used

export CROSSTRADE_TOKEN='' CROSSTRADE_BASE_URL=''
unset CROSSTRADE_TOKEN CROSSTRADE_BASE_URL
require "the smoke test: command line, window, keyring, TLS roots, plugins" \
    bash -c 'mkdir -p "$1/drive_c/smoke" && python3 "$2" --home-here "$1/drive_c/smoke" --home-there "C:\\smoke" \
        --keyring "Windows WinVaultKeyring" --picture "$5" "wine \"$3\"" "wine \"$4\"" >"$6" 2>&1' - "$WINEPREFIX" \
    "$root/packaging/smoke_test.py" "$programs/crosstrade-panel.exe" "$programs/crosstrade-panel-gui.exe" \
    "$folder/pictures/smoke.png" "$folder/records/smoke.txt"

exchange() { # the exchange on the host, with this drill
    CROSSTRADE_PRACTICE_TOKEN=practice-token "${PANEL_PYTHON:-$root/.venv/bin/python}" -m crosstrade_panel simulator \
        --port 18087 "$@" >/dev/null 2>&1 & exchange_pid=$!
    mine+=("$exchange_pid")
    sleep 2
}
# A token is kept once a server has accepted it.
export CROSSTRADE_BASE_URL=http://127.0.0.1:18087
cd "$root"
exchange
start_entry
require "the Start-menu entry opens the window" until_true 60 panel
sleep 3
picture first-run
start_entry
sleep 6
require "a second start raises the one that is there" test "$(windows)" = 1
# The token's field and SAVE, by the keyboard alone: the card is the last thing in the window.
window=$(xdotool search --onlyvisible --name '^CrossTrade Panel$' | tail -1)
xdotool windowactivate --sync "$window"
eval "$(xdotool getwindowgeometry --shell "$window")"
xdotool mousemove $((X + WIDTH / 2)) $((Y + HEIGHT * 838 / 1000)) click 1 sleep 0.5 type practice-token
xdotool key Return
sleep 4
picture token
require "a token that was accepted is in the Credential Manager" \
    until_true 20 bash -c 'wine reg query "HKCU\\Software\\Wine\\Credential Manager" /s </dev/null 2>&1 | grep -qi crosstrade-panel'
in_background wine taskkill /im crosstrade-panel-gui.exe
require "it closes when it is asked to" until_true 20 no_panel

# --- beside NinjaTrader

mkdir -p "$WINEPREFIX/drive_c/nt"
x86_64-w64-mingw32-gcc -O1 -s -mwindows -o "$WINEPREFIX/drive_c/nt/NinjaTrader.exe" "$here/testbed/neighbour.c"
mkdir -p "$data"
printf 'hot_key = "Ctrl+Shift+F9"\nlast_account = "Sim101"\n' >"$data/settings.toml"
export CROSSTRADE_TOKEN=practice-token
neighbour() { xdotool search --onlyvisible --name 'Control Center - NinjaTrader'; }
in_background wine 'C:\nt\NinjaTrader.exe'
in_background wine "$programs/crosstrade-panel-gui.exe"
until_true 60 panel || fail "the window"
sleep 6
pressed() { python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM presses").fetchone()[0])' "$data/journal.sqlite3"; }
press_hot_key() { # Wine may take a moment to believe in the focus; until one press is there, a key is no second one
    local before
    before=$(pressed)
    for _ in 1 2 3 4; do
        xdotool windowactivate --sync "$(neighbour)" sleep 1
        xdotool key ctrl+shift+F9
        sleep 4
        [ "$(pressed)" = "$before" ] || return 0
    done
}
press_hot_key
require "the hot key flattens while NinjaTrader has the focus" until_true 15 presses flat
picture hot-key
wine "$programs/crosstrade-panel.exe" flatten --account Sim102 </dev/null 2>&1 | cat >"$folder/records/command.txt"
sleep 2
require "the command line flattens beside it" grep -q FLAT "$folder/records/command.txt"
picture nudged
window=$(xdotool search --onlyvisible --name '^CrossTrade Panel$' | tail -1)
eval "$(xdotool getwindowgeometry --shell "$window")"
xdotool windowactivate --sync "$window" mousemove $((X + WIDTH - 24)) $((Y + 1)) click 1 sleep 1 key Down Down Return
sleep 1
eval "$(xdotool getwindowgeometry --shell "$(neighbour)" | sed 's/^/N/')"
eval "$(xdotool getwindowgeometry --shell "$window")"
picture beside
require "it stands beside NinjaTrader" test $((X - NX - NWIDTH)) -ge 0 -a $((X - NX - NWIDTH)) -lt 30 -a "$Y" = "$NY"

# --- another panel wants the same key

mkdir -p "$WINEPREFIX/drive_c/other/config"
cp "$data/settings.toml" "$WINEPREFIX/drive_c/other/config/"
CROSSTRADE_PANEL_HOME='C:\other' in_background wine "$programs/crosstrade-panel-gui.exe"
require "a hot key that another program has is told" until_true 30 grep -rqs 'error 1409' "$WINEPREFIX/drive_c/other/log"
picture collision
in_background wine taskkill /f /im crosstrade-panel-gui.exe
until_true 20 no_panel || fail "the windows went"

# --- a press unresolved: no installer and no uninstaller gets past it

kill "$exchange_pid"
exchange --drill error-503
in_background wine "$programs/crosstrade-panel-gui.exe"
until_true 60 panel || fail "the window"
sleep 6
press_hot_key
sleep 4
for each in 1 2; do
    code=$(install_it "$later")
    [ "$code" = 3 ] || fail "upgrade $each over a press unresolved ended with $code"
    panel || fail "upgrade $each closed a window with a press unresolved"
done
say "ok  two upgrades in a row give up before a press unresolved"
picture refused
require "… with the old version whole" has "$version" "$key" /v DisplayVersion
refuse "… and nothing of the new one left" test -e "$programs.new"
# It goes on as a copy of itself, which nobody can wait for: longer than its patience, then.
wine "$programs/uninstall.exe" /S </dev/null >/dev/null 2>&1 || true
sleep 28
require "the uninstaller gives up, too" test -s "$programs/crosstrade-panel-gui.exe"
panel || fail "the uninstaller closed a window with a press unresolved"
in_background wine taskkill /f /im crosstrade-panel-gui.exe
until_true 20 no_panel || fail "the window went"

# --- an upgrade while it runs, then everything away

kill "$exchange_pid"
exchange
in_background wine "$programs/crosstrade-panel-gui.exe"
until_true 60 panel || fail "the window"
sleep 5
picture before-upgrade
# What the killed run left is shown as UNKNOWN: it is acknowledged by who runs without it.
if ! [ "$(code=$(install_it "$later"); echo "$code")" = 0 ]; then
    in_background wine taskkill /f /im crosstrade-panel-gui.exe
    until_true 20 no_panel
    mv "$data/journal.sqlite3" "$data/journal.before"
    rm -f "$data"/journal.sqlite3-*
    in_background wine "$programs/crosstrade-panel-gui.exe"
    until_true 60 panel || fail "the window"
    sleep 5
    [ "$(install_it "$later")" = 0 ] || fail "the upgrade"
fi
require "a running panel closes for an upgrade" no_panel
require "… which is the later version" has 99.0.0 "$key" /v DisplayVersion
require "… with the icon on the desktop kept" test -s "$user/Desktop/CrossTrade Panel.lnk"
require "… and the start at login" has crosstrade-panel-gui.exe "$run_key"
[ "$(wine "$programs/crosstrade-panel.exe" --version </dev/null 2>&1 | tr -d '\r')" = "crosstrade-panel $version" ] ||
    fail "the upgraded program starts"

unset CROSSTRADE_TOKEN CROSSTRADE_BASE_URL
wine "$programs/uninstall.exe" /S </dev/null >/dev/null 2>&1 || fail "uninstalling"
gone() { [ ! -e "$programs" ] && [ ! -e "$data/Logs" ]; }
until_true 60 gone || true
sleep 2
refuse "nothing is left of the program" test -e "$programs"
refuse "… of its entry" test -e "$entry"
refuse "… of its icon" test -e "$user/Desktop/CrossTrade Panel.lnk"
refuse "… among the installed programs" has DisplayName "$key"
refuse "… at login" has crosstrade-panel "$run_key"
refuse "… of its token" \
    bash -c 'wine reg query "HKCU\\Software\\Wine\\Credential Manager" /s </dev/null 2>&1 | grep -qi crosstrade-panel'
left=$(find "$local_data" "$user/AppData/Roaming" -iname '*crosstrade*' -o -path "$data/*" | sed "s#$data/##" | grep -v '^journal' | grep -v "^$data$" || true)
[ -z "$left" ] || fail "left behind: $left"
say "ok  … but the journal: $(cd "$data" && echo *)"
say "All as promised. $installer"
