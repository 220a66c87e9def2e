import json
import logging
import os
import time

# Prices come with the package; it would look for newer ones elsewhere.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from scenarios import KEY, MODEL, QUESTION, SCHEMA, TOO_LONG, TOOL, URL, WRONG_KEY, run

logging.disable(logging.CRITICAL)
litellm.telemetry = False
litellm.suppress_debug_info = True

BASES = {"openai": f"{URL}/v1", "hosted_vllm": f"{URL}/v1", "anthropic": URL, "ollama_chat": URL}


def ask(provider, content=QUESTION, **options):
    return litellm.completion(
        **{
            "model": f"{provider}/{MODEL}",
            "api_base": BASES[provider],
            "api_key": KEY,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": 60,
            "temperature": 0,
            "num_retries": 0,
            **options,
        }
    )


def plain(provider):
    answer = ask(provider)
    return answer.choices[0].message.content


def stream(provider):
    pieces = [chunk.choices[0].delta.content or "" for chunk in ask(provider, stream=True)]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools(provider):
    answer = ask(provider, tools=[TOOL], tool_choice={"type": "function", "function": {"name": "weather"}})
    call = answer.choices[0].message.tool_calls[0]
    return {"name": call.function.name, "arguments": json.loads(call.function.arguments)}


def structured(provider):
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    return json.loads(ask(provider, response_format=form).choices[0].message.content)


def cancel(provider):
    answer = ask(provider, "Tell me a long story", max_tokens=400, stream=True)
    next(iter(answer))
    answer.completion_stream.close()
    return plain(provider)


def models():
    return litellm.get_valid_models(
        check_provider_endpoint=True, custom_llm_provider="openai", api_base=f"{URL}/v1", api_key=KEY
    )


def batch():
    """A file of two requests, a batch of it, and its results."""
    of = {"custom_llm_provider": "openai", "api_base": BASES["openai"], "api_key": KEY}
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 8, "temperature": 0}
    request = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    lines = "\n".join(json.dumps({"custom_id": name, **request}) for name in ("one", "two"))
    file = litellm.create_file(file=("in.jsonl", lines.encode()), purpose="batch", **of)
    made = litellm.create_batch(
        completion_window="24h", endpoint="/v1/chat/completions", input_file_id=file.id, **of
    )
    while made.status not in ("completed", "failed", "expired", "cancelled"):
        time.sleep(0.05)
        made = litellm.retrieve_batch(batch_id=made.id, **of)
    results = [json.loads(line) for line in litellm.file_content(file_id=made.output_file_id, **of).text.splitlines()]
    return {
        "status": made.status,
        "ids": sorted(result["custom_id"] for result in results),
        "text": results[0]["response"]["body"]["choices"][0]["message"]["content"],
        "listed": made.id in [other.id for other in litellm.list_batches(**of).data],
    }


scenarios = {"models": models, "batch": batch}
for name in BASES:
    scenarios |= {
        f"{name}_plain": lambda name=name: plain(name),
        f"{name}_stream": lambda name=name: stream(name),
        f"{name}_tools": lambda name=name: tools(name),
        f"{name}_structured": lambda name=name: structured(name),
        f"{name}_cancel": lambda name=name: cancel(name),
        f"{name}_over_context": lambda name=name: ask(name, TOO_LONG),
        f"{name}_wrong_key": lambda name=name: ask(name, api_key=WRONG_KEY),
    }
run(**scenarios)
# Its threads for statistics would keep the program for minutes.
os._exit(0)
