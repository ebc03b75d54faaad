"""python-telegram-bot: answers who asks it for an order."""

import logging
import os

from telegram import Update
from telegram.ext import Application, CommandHandler, ContextTypes
from work import STATE

logging.basicConfig(level=logging.INFO)


async def answer(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    shipped = (STATE / f"shipped-{context.args[0]}").exists()
    await update.message.reply_text("shipped" if shipped else "not yet")


builder = Application.builder().token(os.environ["BOT_TOKEN"])
bot = builder.base_url("http://127.0.0.1:8472/bot").build()
bot.add_handler(CommandHandler("order", answer))
bot.run_polling()
