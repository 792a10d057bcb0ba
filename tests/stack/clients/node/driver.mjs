// Makes calls with the Node clients. Reads one JSON order a line on stdin, writes one JSON outcome a line on stdout.
import { createInterface } from "node:readline";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { embedMany, generateText, isStepCount, Output, streamText, tool } from "ai";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const Forecast = z.object({ city: z.string(), degrees: z.number().int(), windy: z.boolean() });

const weather = tool({
  description: "Tell the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => `mild in ${city}`,
});

const openaiCalls = {
  chat: (client, body, options) => client.chat.completions.create(body, options),
  forecast: (client, body) =>
    client.chat.completions.parse({ ...body, response_format: zodResponseFormat(Forecast, "forecast") }),
  models: (client) => client.models.list(),
  model: (client, { model }) => client.models.retrieve(model),
  respond: (client, body) => client.responses.create(body),
  embed: (client, body) => client.embeddings.create(body),
};

// Reads a stream and returns each part with its arrival in seconds, and the error that ended it. Aborts the request
// after `enough` texts.
async function read(parts, hasText, failureOf, enough, leave) {
  const begun = performance.now();
  const arrived = [];
  let texts = 0;
  try {
    for await (const part of await parts()) {
      arrived.push([(performance.now() - begun) / 1000, part]);
      if (hasText(part) && ++texts === enough) leave.abort();
    }
  } catch (error) {
    return { arrived, failure: failureOf(error) };
  }
  return { arrived };
}

function readOpenai({ endpoint, body, enough }) {
  const leave = new AbortController();
  const client = new OpenAI(endpoint);
  const parts = () => client.chat.completions.create({ ...body, stream: true }, { signal: leave.signal });
  return read(parts, (chunk) => chunk.choices[0]?.delta.content, openaiFailure, enough, leave);
}

function readAi({ endpoint, call, body: { model, ...settings }, enough }) {
  const provider = createOpenAICompatible({ name: "gateway", ...endpoint });
  const leave = new AbortController();
  async function* parts() {
    const given = { ...aiSettings[call], ...settings, maxRetries: 0, abortSignal: leave.signal, onError: () => {} };
    for await (const part of streamText({ model: provider(model), ...given }).stream) {
      if (part.type === "error") throw part.error;
      yield part;
    }
  }
  return read(parts, (part) => part.type === "text-delta", aiFailure, enough, leave);
}

async function openai({ endpoint, call, body, options }) {
  const { data, response, request_id } = await openaiCalls[call](new OpenAI(endpoint), body, options).withResponse();
  const plain = call === "models" ? { data: data.data } : data;
  return { body: plain, request_id, headers: Object.fromEntries(response.headers) };
}

const aiSettings = {
  text: {},
  forecast: { output: Output.object({ schema: Forecast }) },
  called: { tools: { weather } },
  tools: { tools: { weather }, stopWhen: isStepCount(3) },
};

async function ai({ endpoint, call, body: { model, ...settings } }) {
  const provider = createOpenAICompatible({ name: "gateway", supportsStructuredOutputs: true, ...endpoint });
  const answer = await generateText({ model: provider(model), ...aiSettings[call], ...settings });
  const { text, reasoningText, finishReason, totalUsage } = answer;
  const output = call === "forecast" ? answer.output : undefined;
  return { text, reasoningText, finishReason, totalUsage, output, steps: answer.steps.length };
}

async function aiEmbed({ endpoint, body: { model, values } }) {
  const provider = createOpenAICompatible({ name: "gateway", ...endpoint });
  const { embeddings, usage } = await embedMany({ model: provider.embeddingModel(model), values });
  return { embeddings, usage };
}

const textFormat = { format: zodTextFormat(Forecast, "forecast") };
const responsesCalls = {
  whole: (client, body) => client.responses.create(body),
  streamed: (client, body) => client.responses.stream(body).finalResponse(),
  parsed: (client, body) => client.responses.parse({ ...body, text: textFormat }),
  "parsed, streamed": (client, body) => client.responses.stream({ ...body, text: textFormat }).finalResponse(),
  retrieve: (client, { id }) => client.responses.retrieve(id),
  delete: async (client, { id }) => ({ answer: (await client.responses.delete(id)) ?? null }),
  input: async (client, { id }) => ({ data: (await client.responses.inputItems.list(id)).data }),
};

async function responses({ endpoint, call, body }) {
  const answer = await responsesCalls[call](new OpenAI(endpoint), body);
  return { ...answer, _request_id: answer._request_id };
}

// A conversation of several turns with the AI SDK's default model of OpenAI, each with a tool.
async function aiConversation({ endpoint, body: { model, prompts } }) {
  const openai = createOpenAI(endpoint);
  const messages = [];
  const texts = [];
  for (const prompt of prompts) {
    messages.push({ role: "user", content: prompt });
    const answer = await generateText({ model: openai(model), messages, ...aiSettings.tools });
    messages.push(...answer.response.messages);
    texts.push([answer.text, answer.steps.length, answer.reasoningText]);
  }
  return { texts };
}

async function aiResponse({ endpoint, call, body: { model, prompt } }) {
  const settings = { model: createOpenAI(endpoint)(model), prompt, maxRetries: 0, ...aiSettings[call] };
  if (call === "forecast") return { output: (await generateText(settings)).output };
  const stream = streamText({ ...settings, onError: () => {} });
  const parts = [];
  for await (const part of stream.fullStream) {
    if (part.type === "error") throw part.error;
    parts.push(part);
  }
  const textOf = (type) => parts.filter((part) => part.type === type).map((part) => part.text).join("");
  return { text: textOf("text-delta"), reasoning: textOf("reasoning-delta"), finish: parts.at(-1) };
}

const anthropicCalls = {
  whole: (client, body) => client.messages.create(body),
  streamed: (client, body) => client.messages.stream(body).finalMessage(),
  count: (client, body) => client.messages.countTokens(body),
};

async function anthropic({ endpoint, call, body }) {
  const answer = await anthropicCalls[call](new Anthropic(endpoint), body);
  return { ...answer, _request_id: answer._request_id };
}

function anthropicFailure(error) {
  const { status, message, requestID: request_id, type } = error;
  const headers = Object.fromEntries(error.headers ?? []);
  return { kind: error.constructor.name, status, type, message, request_id, headers };
}

function openaiFailure(error) {
  const { status, code, type, param, message } = error;
  const headers = Object.fromEntries(error.headers ?? []);
  return { kind: error.constructor.name, status, code, type, param, message, request_id: error.requestID, headers };
}

function aiFailure(error) {
  const last = error.lastError ?? error;
  const { code, type, param } = last.data?.error ?? {};
  const headers = last.responseHeaders ?? {};
  const { name: kind, statusCode: status, message } = last;
  return { kind, status, code, type, param, message, request_id: headers["x-request-id"], headers };
}

const clients = {
  openai: [openai, openaiFailure],
  "openai read": [readOpenai, openaiFailure],
  ai: [ai, aiFailure],
  "ai read": [readAi, aiFailure],
  "ai embed": [aiEmbed, aiFailure],
  anthropic: [anthropic, anthropicFailure],
  responses: [responses, openaiFailure],
  "ai conversation": [aiConversation, aiFailure],
  "ai response": [aiResponse, aiFailure],
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const [make, failureOf] = clients[order.client];
  const outcome = await make(order).then(
    (answer) => ({ answer }),
    (error) => ({ failure: failureOf(error) }),
  );
  console.log(JSON.stringify(outcome));
}
