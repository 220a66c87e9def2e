import json

import ollama
from scenarios import KEY, MODEL, QUESTION, SCHEMA, TOO_LONG, URL, WRONG_KEY, run

OPTIONS = {"temperature": 0, "num_predict": 60}


def client(key=KEY):
    return ollama.Client(host=URL, headers={"authorization": f"Bearer {key}"})


def ask(content=QUESTION, key=KEY, **options):
    messages = [{"role": "user", "content": content}]
    return client(key).chat(**{"model": MODEL, "messages": messages, "options": OPTIONS, **options})


def plain():
    return ask().message.content


def stream():
    pieces = [part.message.content for part in ask(stream=True)]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def cancel():
    answer = ask("Tell me a long story", stream=True, options={"num_predict": 400})
    next(answer)
    answer.close()
    return plain()


def models():
    one = client()
    names = [model.model for model in one.list().models]
    shown = one.show(names[0])
    running = [model.model for model in one.ps().models]
    vectors = one.embed(model=names[0], input=["a", "b"]).embeddings
    return {"names": names, "capabilities": shown.capabilities, "running": running, "vectors": len(vectors)}


run(
    plain=plain,
    generated_plain=lambda: client().generate(model=MODEL, prompt=QUESTION, options=OPTIONS).response,
    stream=stream,
    structured=lambda: json.loads(ask(format=SCHEMA).message.content),
    cancel=cancel,
    models=models,
    over_context=lambda: ask(TOO_LONG),
    wrong_key=lambda: ask(key=WRONG_KEY),
)
