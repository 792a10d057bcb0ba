// Makes calls with the Node clients: one JSON order a line on stdin, one JSON outcome a line on stdout.
import { createInterface } from "node:readline";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, Output, tool } from "ai";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
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
};

async function openai({ endpoint, call, body, options }) {
  const { data, response, request_id } = await openaiCalls[call](new OpenAI(endpoint), body, options).withResponse();
  const plain = call === "models" ? { data: data.data } : data;
  return { body: plain, request_id, headers: Object.fromEntries(response.headers) };
}

const aiSettings = {
  text: {},
  forecast: { output: Output.object({ schema: Forecast }) },
  tools: { tools: { weather }, stopWhen: isStepCount(3) },
};

async function ai({ endpoint, call, body: { model, ...settings } }) {
  const provider = createOpenAICompatible({ name: "gateway", supportsStructuredOutputs: true, ...endpoint });
  const answer = await generateText({ model: provider(model), ...aiSettings[call], ...settings });
  const { text, reasoningText, finishReason, totalUsage } = answer;
  const output = call === "forecast" ? answer.output : undefined;
  return { text, reasoningText, finishReason, totalUsage, output, steps: answer.steps.length };
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

const clients = { openai: [openai, openaiFailure], ai: [ai, aiFailure] };

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const [make, failureOf] = clients[order.client];
  const outcome = await make(order).then(
    (answer) => ({ answer }),
    (error) => ({ failure: failureOf(error) }),
  );
  console.log(JSON.stringify(outcome));
}
