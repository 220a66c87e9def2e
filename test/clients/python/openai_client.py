"""What the official Python package makes of a running gateway, as one JSON object on stdout: a key for each scenario.

Usage: openai_client.py BASE_URL MODEL
"""

import asyncio
import json
import sys
import time

import openai

BASE_URL, MODEL = sys.argv[1:]
MESSAGES = [{"role": "user", "content": "Say hi"}]
SETTINGS = {"base_url": BASE_URL, "api_key": "none", "max_retries": 0, "timeout": 60}

client = openai.OpenAI(**SETTINGS)


def chat():
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=0, max_tokens=20)
    return {
        "text": answer.choices[0].message.content,
        "finish_reason": answer.choices[0].finish_reason,
        "completion_tokens": answer.usage.completion_tokens,
        "request_id": answer._request_id,
    }


def chat_streamed():
    stream = client.chat.completions.create(
        model=MODEL,
        messages=MESSAGES,
        temperature=0,
        max_tokens=20,
        stream=True,
        stream_options={"include_usage": True},
    )
    text, usage = "", None
    for chunk in stream:
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage or usage
    return {"text": text, "completion_tokens": usage.completion_tokens}


def chat_kept():
    """A stream with ids that breaks off after three chunks, and is taken up by its own request."""
    asked = {"model": MODEL, "messages": MESSAGES, "temperature": 0, "max_tokens": 20, "stream": True}
    raw = client.chat.completions.with_raw_response.create(**asked, extra_headers={"sluice-resume": "1"})
    text, count = "", 0
    with raw.parse() as stream:
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            count += 1
            if count == 3:
                break
    place = f"{raw.headers['x-request-id']}:{count}"
    for chunk in client.chat.completions.create(**asked, extra_headers={"last-event-id": place}):
        text += chunk.choices[0].delta.content or ""
    return {"text": text}


def completions():
    answer = client.completions.create(
        model=MODEL, prompt=["The sea is", "The sky is"], temperature=0, max_tokens=4, logprobs=1, n=2
    )
    return {
        "texts": [choice.text for choice in answer.choices],
        "tokens": [len(choice.logprobs.tokens) for choice in answer.choices],
    }


def neighbours():
    """What clients of vLLM, llama-server and Ollama put into `extra_body`."""

    def said(**extra):
        answer = client.chat.completions.create(
            model=MODEL, messages=MESSAGES, temperature=0, max_tokens=20, extra_body=extra
        )
        return answer.choices[0].message.content

    def refused(**extra):
        try:
            said(**extra)
        except openai.BadRequestError as error:
            return error.param

    scored = client.completions.create(
        model=MODEL, prompt="One two three", max_tokens=0, echo=True, logprobs=1
    ).choices[0]
    return {
        "choice": said(guided_choice=["left", "right"]),
        "structured": said(structured_outputs={"regex": "[0-9]{4}"}),
        "grammar": said(guided_grammar='root ::= "<" [ab] ">"'),
        "schema": json.loads(said(json_schema={"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"]})),
        "ollama": said(format={"type": "array", "items": {"const": 7}, "minItems": 1, "maxItems": 1}),
        "refused": [refused(mirostat=2), refused(input="Hi"), refused(chat_template="x"), refused(mirostat=0)],
        "scored": [scored.text, scored.logprobs.token_logprobs[0], len(scored.logprobs.tokens)],
    }


def models():
    return {"ids": [model.id for model in client.models.list()], "by_alias": client.models.retrieve("smollm2").id}


def batches():
    """A file in two parts, a batch of it, and its results."""
    lines = "".join(
        json.dumps(
            {
                "custom_id": name,
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": MODEL, "messages": MESSAGES, "temperature": 0, "max_tokens": 20},
            }
        )
        + "\n"
        for name in ("one", "two")
    ).encode()
    upload = client.uploads.create(
        purpose="batch", filename="in.jsonl", bytes=len(lines), mime_type="application/jsonl"
    )
    parts = [client.uploads.parts.create(upload.id, data=part).id for part in (lines[:50], lines[50:])]
    file = client.uploads.complete(upload.id, part_ids=parts).file
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    results = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    return {
        "status": batch.status,
        "ids": sorted(result["custom_id"] for result in results),
        "text": results[0]["response"]["body"]["choices"][0]["message"]["content"],
        "listed": batch.id in [other.id for other in client.batches.list()],
        "deleted": client.files.delete(file.id).deleted,
    }


def errors():
    def caught(**fields):
        try:
            client.chat.completions.create(**{"model": MODEL, "messages": MESSAGES, **fields})
        except openai.APIStatusError as error:
            return {
                "type": type(error).__name__,
                "status": error.status_code,
                "code": error.code,
                "param": error.param,
            }

    return {
        "unknown_model": caught(model="gpt-99"),
        "wrong_temperature": caught(temperature=3),
        "wrong_stream": caught(messages=[], stream=True),
    }


def aborted():
    """Leaves a stream that would go on, then asks again: the slot must be free."""
    chunks = 0
    with client.chat.completions.create(
        model=MODEL, messages=MESSAGES, logit_bias={"905": 100}, max_tokens=900, stream=True
    ) as stream:
        for _ in stream:
            chunks += 1
            if chunks == 3:
                break
    return {"chunks": chunks, "text_after": chat()["text"]}


async def cancelled():
    """Cancels a whole answer that is under way."""
    async with openai.AsyncOpenAI(**SETTINGS) as asynchronous:
        answer = asyncio.create_task(
            asynchronous.chat.completions.create(
                model=MODEL, messages=MESSAGES, logit_bias={"905": 100}, max_tokens=900
            )
        )
        await asynchronous.models.list()
        answer.cancel()
        try:
            await answer
        except asyncio.CancelledError:
            return {"cancelled": True}
        return {"cancelled": False}


print(
    json.dumps(
        {
            "chat": chat(),
            "chat_streamed": chat_streamed(),
            "chat_kept": chat_kept(),
            "completions": completions(),
            "neighbours": neighbours(),
            "models": models(),
            "batches": batches(),
            "errors": errors(),
            "aborted": aborted(),
            "cancelled": asyncio.run(cancelled()),
        }
    )
)
