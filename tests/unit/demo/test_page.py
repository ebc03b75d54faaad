"""The page in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from demo_process import PATIENCE, DemoProcess, Manager

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
    **{
        f"/log/{level}": f"One message was logged at level {level}."
        for level in ["info", "notice", "warning", "error", "critical", "alert"]
    },
    "/log/debug": "Nothing was logged",
    "/multiline": "One message of three lines was logged.",
    "/thread": "A thread ended with an exception",
}


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
    # Without script a new page comes, and the element that was found is the old one's.
    WebDriverWait(page, PATIENCE, ignored_exceptions=[StaleElementReferenceException]).until(
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
    assert paths == {*HARMLESS, "/log/emergency", "/raise", "/hang", "/exit"}


def test_raise_shows_the_failure_and_no_more_than_that(page: webdriver.Chrome) -> None:
    press(page, "/raise")
    wait_for_result(page, "The request raised an exception")
    # Browsers note each answer of status 500 by themselves.
    assert [entry for entry in log_of(page) if entry["source"] != "network"] == []


def test_uptime_counts(page: webdriver.Chrome) -> None:
    before = page.find_element(By.ID, "uptime").text
    WebDriverWait(page, PATIENCE).until(
        lambda page: page.find_element(By.ID, "uptime").text > before
    )


def test_page_that_lost_its_service_says_so(page: webdriver.Chrome) -> None:
    other = DemoProcess({})
    page.get(other.url)
    other.close()
    press(page, "/log/info")
    wait_for_result(page, "The service does not answer.")


def test_page_notices_the_new_process(page: webdriver.Chrome, tmp_path: Path) -> None:
    manager = Manager(tmp_path / "notify")
    supervised = {"NOTIFY_SOCKET": str(manager.path)}
    first = DemoProcess(supervised)
    page.get(first.url)
    press(page, "/exit")
    wait_for_result(page, "The process ends with status 3.")
    assert first.wait() == 3
    second = DemoProcess({**supervised, "DEMO_PORT": str(first.address[1])})
    wait_for_result(page, "It is back, as a new process.")
    assert str(second.pid) in page.find_element(By.ID, "facts").text
    for process in (first, second):
        process.close()
    manager.close()


def test_forms_work_without_script(browser: webdriver.Chrome, demo: DemoProcess) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(demo.url)
        press(browser, "/log/warning")
        wait_for_result(browser, "One message was logged at level warning.")
        assert browser.current_url == f"{demo.url}/log/warning"
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page_fits_its_width(
    browser: webdriver.Chrome, start: Callable[..., DemoProcess], width: int
) -> None:
    # Supervised, since the command to type is the longest line of the page.
    demo = start(NOTIFY_SOCKET="@demo-tests-nobody", PYTHON_SERVICE_RELEASE="3f" * 32)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": True},
    )
    browser.get(demo.url)
    press(browser, "/log/warning")
    wait_for_result(browser, "journalctl ")
    needed = browser.execute_script("return document.documentElement.scrollWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert needed <= width


def test_controls_have_names_and_the_result_is_announced(page: webdriver.Chrome) -> None:
    names = [button.accessible_name for button in page.find_elements(By.TAG_NAME, "button")]
    assert all(names)
    assert len(set(names)) == len(names)
    assert page.find_element(By.ID, "result").aria_role == "status"


def test_health_is_json_that_a_browser_can_read(page: webdriver.Chrome) -> None:
    text = page.execute_async_script(
        "fetch('/healthz').then(a => a.json()).then(j => arguments[0](JSON.stringify(j)))"
    )
    assert json.loads(text)["status"] == "ok"
