-- Sends the User request with wrk, standalone or for the harness:
--
--   wrk http://127.0.0.1:8000 -s scripts/post.lua
--
-- With WRK_METHOD set, another request is sent: WRK_HEADERS (one per line) and WRK_BODY, to the path in wrk's URL.
-- With WRK_SUMMARY set to a path, wrk's summary is also written there as one line of JSON: durations and latencies in
-- microseconds, sizes in bytes. Percentiles are 0 if no request was answered, as wrk reports them.

wrk.method = os.getenv("WRK_METHOD") or "POST"
wrk.body = os.getenv("WRK_BODY") or '{"id":1,"name":"Ada Lovelace","email":"ada@example.org"}'
if wrk.body == "" then
   wrk.body = nil
end
for name, value in (os.getenv("WRK_HEADERS") or "Content-Type: application/json"):gmatch("([^\n:]+): ?([^\n]*)") do
   wrk.headers[name] = value
end

function done(summary, latency, requests)
   local path = os.getenv("WRK_SUMMARY")
   if not path then
      return
   end
   local file = assert(io.open(path, "w"))
   local errors = summary.errors
   file:write(string.format(
      '{"requests":%d,"duration_us":%d,"bytes":%d,'
         .. '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d},'
         .. '"latency_us":{"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}%s}\n',
      summary.requests, summary.duration, summary.bytes,
      errors.connect, errors.read, errors.write, errors.status, errors.timeout,
      latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max,
      more and more() or ""))
   assert(file:close())
end
