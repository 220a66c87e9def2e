"""Renders conversations as transformers' apply_chat_template does. Reads jobs from a file, prints a text or an error for each."""

import datetime
import json
import sys

from transformers.utils import chat_template_utils

DAY = datetime.datetime(2026, 11, 22, 12, 0, 0)


class OneDay(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return DAY


chat_template_utils.datetime = OneDay


def render(job):
    variables = dict(job["variables"])
    messages = variables.pop("messages")
    for call in (call for message in messages for call in message.get("tool_calls", [])):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            [messages], chat_template=job["template"], **job["tokens"], **variables
        )
        return {"text": rendered[0]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps([render(job) for job in json.load(file)]))
