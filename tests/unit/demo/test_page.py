"""The page in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from demo.buttons import BUTTONS
from demo.settings import LEVELS
from demo_process import PATIENCE, DemoProcess

FLAGS = [
    "--headless=new",
    "--no-sandbox",  # Chromium refuses its sandbox as root
    "--disable-gpu",
    "--window-size=1280,1000",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

HARMLESS = {
    **{f"/log/{level}": f"One message was logged at level {level}." for level in LEVELS},
    "/multiline": "One message of three lines was logged.",
    "/warn": "Python's own warning was logged.",
    "/thread": "A thread ended with an exception.",
}
# Goes to every terminal of the machine, if anything brings it to the journal.
del HARMLESS["/log/emergency"]


@pytest.fixture(scope="module")
def options() -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


@pytest.fixture(scope="module")
def browser(options: webdriver.ChromeOptions) -> Iterator[webdriver.Chrome]:
    driver = shutil.which("chromedriver")
    assert driver, "these tests need Debian's packages chromium and chromium-driver"
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, demo: DemoProcess) -> webdriver.Chrome:
    browser.get(demo.url)
    log_of(browser)
    return browser


def log_of(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    """Give the lines of the browser's console that were not read yet."""
    entries: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return entries


def press(page: webdriver.Chrome, path: str) -> None:
    page.find_element(By.CSS_SELECTOR, f"form[action='{path}'] button").click()


def wait_for_result(page: webdriver.Chrome, text: str) -> None:
    WebDriverWait(page, PATIENCE).until(
        lambda page: text in page.find_element(By.ID, "result").text,
        f"the result does not say {text!r}",
    )


def test_page_loads_without_a_complaint(browser: webdriver.Chrome, demo: DemoProcess) -> None:
    browser.get(demo.url)
    assert browser.title == "demo: a Python service"
    assert log_of(browser) == []
    assert "<b>7</b>" in browser.find_element(By.ID, "facts").text


def test_every_harmless_button_says_what_it_did(page: webdriver.Chrome) -> None:
    for path, outcome in HARMLESS.items():
        press(page, path)
        wait_for_result(page, outcome)
    assert log_of(page) == []


def test_every_action_has_a_button(page: webdriver.Chrome) -> None:
    paths = {form.get_dom_attribute("action") for form in page.find_elements(By.TAG_NAME, "form")}
    assert paths == {*BUTTONS}


def test_raise_shows_the_failure_and_no_more_than_that(page: webdriver.Chrome) -> None:
    press(page, "/raise")
    wait_for_result(page, "The request failed.")
    # Browsers note each answer of status 500 by themselves.
    assert [entry for entry in log_of(page) if entry["source"] != "network"] == []


def test_page_that_lost_its_service_says_so(page: webdriver.Chrome) -> None:
    other = DemoProcess({})
    page.get(other.url)
    other.close()
    press(page, "/log/info")
    wait_for_result(page, "The service does not answer.")


def test_page_notices_the_new_process(
    page: webdriver.Chrome, start: Callable[..., DemoProcess]
) -> None:
    first = start()
    page.get(first.url)
    press(page, "/exit")
    wait_for_result(page, "The process ends with status 3.")
    assert first.wait() == 3
    second = start(DEMO_PORT=str(first.address[1]))
    wait_for_result(page, "It is back, as a new process.")
    assert str(second.pid) in page.find_element(By.ID, "facts").text


def test_buttons_work_without_script(browser: webdriver.Chrome, demo: DemoProcess) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(demo.url)
        press(browser, "/log/warning")
        WebDriverWait(browser, PATIENCE).until(
            lambda browser: browser.current_url == f"{demo.url}/log/warning"
        )
        text = browser.find_element(By.TAG_NAME, "body").text
        assert text.startswith("One message was logged at level warning.")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page_fits_its_width(
    browser: webdriver.Chrome, start: Callable[..., DemoProcess], width: int
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        browser.get(start(PYTHON_SERVICE_RELEASE="3f" * 32).url)
        pretend_unit(browser, "demo-of-a-long-name.service")
        press(browser, "/log/warning")
        wait_for_result(browser, "journalctl ")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def pretend_unit(page: webdriver.Chrome, name: str) -> None:
    page.execute_script("document.getElementById('unit').textContent = arguments[0]", name)


def test_result_says_what_to_type_where_there_is_a_unit(page: webdriver.Chrome) -> None:
    press(page, "/log/error")
    wait_for_result(page, "One message was logged at level error.")
    assert "journalctl" not in page.find_element(By.ID, "result").text
    pretend_unit(page, "demo.service")
    press(page, "/log/error")
    wait_for_result(page, "journalctl -u demo -p err..err -n 1")


def test_controls_have_names_and_the_result_is_announced(page: webdriver.Chrome) -> None:
    names = [button.accessible_name for button in page.find_elements(By.TAG_NAME, "button")]
    assert all(names)
    assert len(set(names)) == len(names)
    assert page.find_element(By.ID, "result").aria_role == "status"
