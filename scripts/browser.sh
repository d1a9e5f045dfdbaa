# A browser without a window, driven by WebDriver (W3C): browser_start FOLDER, browser_profile, browser_open URL, browser_fill SELECTOR TEXT,
# browser_click SELECTOR, browser_text SELECTOR, browser_stop. To be sourced.

browser_start() { # folder for what the driver says and the browser leaves behind
    TMPDIR=$1 chromedriver --port=0 >"$1/chromedriver.log" 2>&1 &
    browser_process=$!
    browser_at=
    for _ in $(seq 100); do
        browser_at=$(sed -n 's/.*started successfully on port \([0-9]*\).*/http:\/\/127.0.0.1:\1\/session/p' "$1/chromedriver.log")
        if [ -n "$browser_at" ]; then return 0; fi
        kill -0 "$browser_process" 2>/dev/null || break
        sleep 0.1
    done
    echo "chromedriver did not start: $(cat "$1/chromedriver.log")" >&2
    return 1
}

# One that knows nothing of what others did before; what follows happens in it.
browser_profile() {
    browser_end
    browser_session=$(curl --silent --show-error --fail-with-body --data '{"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions":
        {"args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]}}}}' "$browser_at" |
        sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p')
}

# What the driver answers.
browser_ask() { # path, body
    curl --silent --show-error --fail-with-body ${2:+--data "$2"} "$browser_at/$browser_session/$1"
}

# The address of an element, waited for as long as a page may take.
browser_element() { # CSS selector, its quotes escaped for JSON
    local found
    for _ in $(seq 50); do
        if found=$(browser_ask element "{\"using\": \"css selector\", \"value\": \"$1\"}"); then
            sed -n 's/.*"element-[^"]*":"\([^"]*\)".*/element\/\1/p' <<<"$found"
            return 0
        fi
        sleep 0.1
    done
    echo "the page has no $1: $found" >&2
    return 1
}

browser_open() { browser_ask url "{\"url\": \"$1\"}" >/dev/null; }
browser_fill() { browser_ask "$(browser_element "$1")/value" "{\"text\": \"$2\"}" >/dev/null; }
browser_click() { browser_ask "$(browser_element "$1")/click" '{}' >/dev/null; }
browser_text() { browser_ask "$(browser_element "$1")/text" | sed 's/^{"value":"//; s/"}$/\n/'; }

# The driver leaves its windows open when it ends.
browser_end() {
    if [ -n "${browser_session:-}" ]; then curl --silent --request DELETE "$browser_at/$browser_session" >/dev/null || true; fi
    browser_session=
}
browser_stop() {
    browser_end
    kill -TERM "${browser_process:-}" 2>/dev/null || true
    wait "${browser_process:-}" 2>/dev/null || true
}
