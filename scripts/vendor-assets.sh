#!/bin/sh
# Reproduces the browser files in detector/assets/vendor from their npm packages and verifies them.
#
#   scripts/vendor-assets.sh          fetch the packages, compare every file with VENDORED.md, then copy it into place
#   scripts/vendor-assets.sh --check  compare the files that are in place with VENDORED.md; needs no network
#
# To move to a new version: change its rows in VENDORED.md, run this, and put the sums that it prints into the table.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
vendor="$here/detector/assets/vendor"
table="$vendor/VENDORED.md"

# Rows of the table as: package version source-path file sha256
rows() {
    awk -F'|' 'NF == 7 && $3 ~ /[0-9]\./ { for (i = 2; i <= 6; i++) gsub(/[` ]/, "", $i); print $2, $3, $4, $5, $6 }' "$table"
}

sum() { sha256sum "$1" | cut -d' ' -f1; }

check() {
    failed=0
    rows | {
        while read -r package version _ file expected; do
            found=$(sum "$1/$file")
            if [ "$found" != "$expected" ]; then
                echo "$package@$version: $file has sha256 $found, VENDORED.md says $expected" >&2
                failed=1
            fi
        done
        exit $failed
    }
}

if [ "${1-}" = --check ]; then
    check "$vendor"
    exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/out"
rows | while read -r package version source file _; do
    packed="$work/$package-$version"
    if [ ! -d "$packed" ]; then
        mkdir "$packed"
        (cd "$packed" && npm pack --silent "$package@$version" >/dev/null && tar xzf ./*.tgz)
    fi
    cp "$packed/package/$source" "$work/out/$file"
done
check "$work/out"
cp "$work/out"/* "$vendor/"
echo "vendored files match VENDORED.md"
