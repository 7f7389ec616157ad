// The AWS SDK for JavaScript: create, wait, page, invoke whole, streamed and asynchronously, errors, delete.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const from = createRequire(`${process.env.CLIENT_HOME}/`);
const sm = from("@aws-sdk/client-sagemaker");
const rt = from("@aws-sdk/client-sagemaker-runtime");
const s3 = from("@aws-sdk/client-s3");
const [hosting, runtime] = [new sm.SageMakerClient({}), new rt.SageMakerRuntimeClient({})];
const storage = new s3.S3Client({ forcePathStyle: true });
const Image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1";
const ExecutionRoleArn = "arn:aws:iam::123456789012:role/serving";

await hosting.send(new sm.CreateModelCommand({ ModelName: "m", ExecutionRoleArn, PrimaryContainer: { Image } }));
await assert.rejects(
  hosting.send(new sm.CreateModelCommand({ ModelName: "M", ExecutionRoleArn, PrimaryContainer: { Image } })),
  /Cannot create already existing model/,
);
const ProductionVariants = [
  { VariantName: "main", ModelName: "m", InstanceType: "ml.m5.large", InitialInstanceCount: 2 },
];
const AsyncInferenceConfig = { OutputConfig: { S3OutputPath: "s3://answers/ok" } };
for (const [name, more] of [["sync", {}], ["async", { AsyncInferenceConfig }]]) {
  const config = { EndpointConfigName: name, ProductionVariants, ...more };
  await hosting.send(new sm.CreateEndpointConfigCommand(config));
  await hosting.send(new sm.CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name }));
  const quick = { client: hosting, minDelay: 0.05, maxDelay: 0.05, maxWaitTime: 20 };
  await sm.waitUntilEndpointInService(quick, { EndpointName: name });
}
const seen = [];
for await (const page of sm.paginateListEndpoints({ client: hosting, pageSize: 1 }, {})) {
  seen.push(...page.Endpoints.map((endpoint) => endpoint.EndpointName));
}
assert.deepEqual(seen, ["async", "sync"]);
const Body = new TextEncoder().encode("1,2,3".repeat(100));
const whole = await runtime.send(new rt.InvokeEndpointCommand({ EndpointName: "sync", Body, ContentType: "text/csv" }));
assert.equal(whole.InvokedProductionVariant, "main");
assert.deepEqual(Buffer.from(whole.Body), Buffer.from(Body));
const parts = [];
const streaming = new rt.InvokeEndpointWithResponseStreamCommand({ EndpointName: "sync", Body });
for await (const event of (await runtime.send(streaming)).Body) parts.push(event.PayloadPart.Bytes);
assert.deepEqual(Buffer.concat(parts), Buffer.from(Body));
await storage.send(new s3.PutObjectCommand({ Bucket: "questions", Key: "a.csv", Body: "1,2" }));
const InputLocation = "s3://questions/a.csv";
const { OutputLocation } = await runtime.send(
  new rt.InvokeEndpointAsyncCommand({ EndpointName: "async", InputLocation, InferenceId: "one" }),
);
assert.equal(OutputLocation, "s3://answers/ok/one.out");
await s3.waitUntilObjectExists(
  { client: storage, minDelay: 0.05, maxDelay: 0.05, maxWaitTime: 20 },
  { Bucket: "answers", Key: "ok/one.out" },
);
const answer = await storage.send(new s3.GetObjectCommand({ Bucket: "answers", Key: "ok/one.out" }));
assert.equal(await answer.Body.transformToString(), "1,2");
for (const EndpointName of ["sync", "async"]) await hosting.send(new sm.DeleteEndpointCommand({ EndpointName }));
