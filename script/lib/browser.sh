# shellcheck shell=bash
# The browser that looks at the demo's page, with the driver that Selenium steers it by.

browser_is_there() {
    command -v chromedriver >/dev/null &&
        { command -v chromium || command -v google-chrome; } >/dev/null
}

browser_ensure() {
    browser_is_there && return
    # Ubuntu has Chromium as a snap, which apt cannot be relied on to install.
    if ! apt_known chromium-driver; then
        die "install Chromium and chromedriver so that both are on PATH, then run this again"
    fi
    apt_ensure 'a browser for the tests of the page' chromium chromium-driver
}
