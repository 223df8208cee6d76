-- Rotates through prepared requests, one per token, and prints the summary as one line of JSON.
-- PICKET_BENCH_TOKENS: file with a token a line. PICKET_BENCH_PATH: path of a request, with %d for the token's number.
local threads = {}

function setup(thread)
  thread:set("first", #threads * 97)
  table.insert(threads, thread)
end

function init()
  prepared = {}
  for token in io.lines(os.getenv("PICKET_BENCH_TOKENS")) do
    local path = string.format(os.getenv("PICKET_BENCH_PATH"), #prepared)
    prepared[#prepared + 1] = wrk.format("GET", path, { ["Authorization"] = "Bearer " .. token, ["User-Agent"] = "wrk" })
  end
  turn = first
  sent = 0
end

function request()
  turn = turn + 1
  sent = sent + 1
  return prepared[turn % #prepared + 1]
end

function done(summary, latency)
  local sent = 0
  for _, thread in ipairs(threads) do sent = sent + thread:get("sent") end
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"sent":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"failures":%d,"non2xx":%d}\n',
    -- wrk calls request() once before the start, to see what it returns.
    summary.requests, sent - 1, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status
  ))
end
