"""The peer: the chat backend that a lesson teaches, one route of FastAPI around the SDK's own stream.

Served by uvicorn from an environment of its own (``bench/peer-requirements.txt``), as the lesson runs it.
"""

import json
from collections.abc import Iterator

import anthropic
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()
client = anthropic.Anthropic()


class Question(BaseModel):
    """What is posted."""

    message: str


@app.post("/api/chat")
async def chat(question: Question) -> StreamingResponse:
    """Stream the reply as server-sent events."""

    def pieces() -> Iterator[str]:
        asked = [{"role": "user", "content": question.message}]
        with client.messages.stream(model="claude-sonnet-5-5", max_tokens=8192, messages=asked) as stream:
            for text in stream.text_stream:
                yield f"data: {json.dumps({'text': text})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(pieces(), media_type="text/event-stream")
