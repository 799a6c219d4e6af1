-- What wrk sends: alerts, all different or always the same ones, as a webhook delivery or for Alertmanager's own API.
--   wrk -s alerts.lua URL -- FORM ALERTS PROBLEMS SAME FIRST
-- FORM webhook | api · ALERTS a body · PROBLEMS that they speak of, one a body, as Alertmanager groups them ·
-- SAME 0: each alert once; else so many different bodies, sent again and again · FIRST the number of the first alert.
-- The last line of output is JSON.

local form, each, problems, same, first
local sent = 0

function init(args)
  form, each, problems = args[1], tonumber(args[2]), tonumber(args[3])
  same, first = tonumber(args[4]), tonumber(args[5])
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

local function common(problem)
  return string.format(
    '"labels":{"alertname":"ModelFeatureDrift","model_name":"model-%02d","model_version":"3","environment":"production",'
      .. '"severity":"warning","job":"model-monitor","feature":"amount","instance":"',
    problem
  ), string.format(
    '"},"annotations":{"summary":"A feature of model-%02d drifted away from what the model was trained on",'
      .. '"value":"0.31","threshold":"0.2"},"startsAt":"2026-11-25T02:04:07.023Z",'
      .. '"generatorURL":"http://prometheus.example:9090/graph?g0.expr=model_feature_psi+%%3E+0.2&g0.tab=1"',
    problem
  )
end

local function webhook(begin, problem)
  local head, tail = common(problem)
  local parts = {
    '{"receiver":"mlops-bot","status":"firing","externalURL":"http://alertmanager.example:9093","version":"4",'
      .. '"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"truncatedAlerts":0,"groupKey":"{}:{model}","alerts":[',
  }
  for place = 0, each - 1 do
    parts[#parts + 1] = string.format(
      '%s{"status":"firing",%snode-%d%s,"endsAt":"0001-01-01T00:00:00Z","fingerprint":"%016d"}',
      place == 0 and "" or ",", head, begin + place, tail, begin + place
    )
  end
  parts[#parts + 1] = "]}"
  return table.concat(parts)
end

local function api(begin, problem)
  local head, tail = common(problem)
  local parts = {}
  for place = 0, each - 1 do
    parts[#parts + 1] = string.format("{%snode-%d%s}", head, begin + place, tail)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local made = {}

function request()
  local number = same > 0 and sent % same or sent
  sent = sent + 1
  local body = made[number]
  if not body then
    body = (form == "api" and api or webhook)(first + number * each, number % problems)
    if same > 0 then
      made[number] = body
    end
  end
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"refused":%d,"broken":%d,"p50_ms":%f,"p99_ms":%f,"worst_ms":%f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000
  ))
end
