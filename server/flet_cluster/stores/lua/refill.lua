-- After a loss of data: write back what a node holds, unless the store holds something as new.
-- KEYS: 1 record, 2 tombstone
-- ARGV: 1 owner, 2 timeout, 3 grace, 4 epoch, 5.. the commit's fields (5 is n)
-- Returns {'ok', moved earlier}, {'same'}, {'older'} or {'deleted'}.

if redis.call('EXISTS', KEYS[2]) == 1 then return {'deleted'} end
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'commit', 'deadline')
local epoch, n = tonumber(ARGV[4]), tonumber(ARGV[5])
if held[1] then
  local ahead = epoch - tonumber(held[1])
  if ahead == 0 then ahead = n - tonumber(held[3]) end
  if ahead < 0 then return {'older'} end
  if ahead == 0 then return {held[2] == ARGV[1] and 'same' or 'older'} end
end
local fields = commit_fields(5)
table.insert(fields, 'epoch')
table.insert(fields, epoch)
table.insert(fields, 'owner')
table.insert(fields, ARGV[1])
note(KEYS[1], {line(0, 'refilled ' .. ARGV[1])})
return {'ok', save(KEYS[1], fields, held[4], ARGV[2], ARGV[3])}
