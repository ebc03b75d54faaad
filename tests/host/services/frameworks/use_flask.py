from web_flask import app


@app.get("/pay")
def pay():
    app.logger.warning("late", extra={"order": 7})
    raise LookupError("no such order")


app.test_client().get("/pay")
