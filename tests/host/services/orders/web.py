"""FastAPI: takes orders, and says which are shipped."""

from fastapi import FastAPI
from work import STATE, ship

app = FastAPI()


@app.post("/orders/{number}")
def order(number: int) -> str:
    ship.delay(number)
    return "taken"


@app.get("/orders/{number}")
def shipped(number: int) -> bool:
    return (STATE / f"shipped-{number}").exists()
