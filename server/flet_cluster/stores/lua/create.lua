-- Write the first record of a session.
-- KEYS: 1 record, 2 tombstone
-- ARGV: 1 owner, 2 timeout, 3 grace, 4.. the commit's fields
-- Returns {'ok'}, {'deleted'} or {'exists'}. Repeating one's own create is a success.

if redis.call('EXISTS', KEYS[2]) == 1 then return {'deleted'} end
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
if held[1] then
  if held[1] == '1' and held[2] == ARGV[1] and same_commit(KEYS[1], 4) then return {'ok'} end
  return {'exists'}
end
local fields = commit_fields(4)
table.insert(fields, 'epoch')
table.insert(fields, 1)
table.insert(fields, 'owner')
table.insert(fields, ARGV[1])
for _, name in ipairs({'created', 'seen'}) do
  table.insert(fields, name)
  table.insert(fields, string.format('%.0f', now()))
end
table.insert(fields, 'life')
table.insert(fields, line(0, 'created ' .. ARGV[1]))
save(KEYS[1], fields, false, ARGV[2], ARGV[3])
return {'ok'}
