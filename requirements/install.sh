#!/bin/sh
# Makes the environment that the Makefile works in: install.sh FOLDER [PYTHON]
# Everything in it is pinned and checked by hash. FOLDER/.complete says that it is whole; without it, whatever is there
# was interrupted half-way and is made anew.
set -eu

environment=$1
named=${2:-}

say() { printf 'edge-opt: %s\n' "$*" >&2; }
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo "not there"; }

find_python() {
    if [ -n "$named" ]; then set -- "$named"; else set -- python3 python3.13 python3.12 python3.11; fi
    for name in "$@"; do
        case $(version "$name") in
            3.11 | 3.12 | 3.13) echo "$name" && return ;;
        esac
    done
    say "Python 3.11, 3.12 or 3.13 is needed, and '$1' is $(version "$1")."
    say "install one of them, or name the one to take: make PYTHON=/path/to/python3.12 …"
    return 1
}

if [ -f "$environment/.complete" ] && "$environment/bin/python" -c "" 2>/dev/null; then
    mv "$environment/.complete" "$environment/.incomplete"
else
    if [ -e "$environment" ] && [ ! -f "$environment/.incomplete" ] && [ ! -f "$environment/.complete" ]; then
        say "'$environment' was not made by this script, so it is left alone; remove it, or set EDGE_OPT_VENV to another."
        exit 1
    fi
    python=$(find_python)
    if ! "$python" -c "import ensurepip, venv" 2>/dev/null; then
        say "'$python' cannot make environments: its 'venv' is missing (on Debian and Ubuntu: apt-get install python3-venv)."
        exit 1
    fi
    say "installing into '$environment': about 3 GB, once …"
    rm -rf "$environment"
    mkdir -p "$environment"
    : >"$environment/.incomplete"
    "$python" -m venv "$environment"
fi

# bytecode is compiled here because TensorFlow's first import takes a quarter of a minute otherwise
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    -r requirements/bootstrap.txt
"$environment/bin/uv" pip sync --python "$environment/bin/python" --require-hashes --compile-bytecode requirements/all.txt
"$environment/bin/uv" pip install --python "$environment/bin/python" --quiet --no-deps --no-build-isolation --editable .

mv "$environment/.incomplete" "$environment/.complete"
touch "$environment/.complete"
