-- Takes up to so many tokens of a bucket (GCRA).
-- KEYS[1]  the bucket: when it is full again, microseconds since 1970; gone: it is full. Expires when it is full.
-- KEYS[2]  its hold: while it is there, no token is given
-- ARGV[1]  microseconds until another token comes
-- ARGV[2]  tokens in a full bucket
-- ARGV[3]  tokens wanted
-- Result   {tokens given, microseconds until the next one where these are fewer than wanted}
local held = redis.call('PTTL', KEYS[2])
if held > 0 then
    return {0, held * 1000}
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local every, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local room = now + burst * every - full
local given = math.min(math.floor(room / every), wanted)
if given > 0 then
    full = full + given * every
    redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
end
if given == wanted then
    return {given, 0}
end
return {given, every - (room - given * every)}
