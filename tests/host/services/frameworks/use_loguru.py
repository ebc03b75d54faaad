import marks

marks.loguru.logger.info("begun")
marks.loguru.logger.bind(order=7).warning("late")
try:
    {}["no such order"]
except LookupError:
    marks.loguru.logger.exception("failed")
