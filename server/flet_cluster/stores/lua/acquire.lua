-- Take a record that is free, ours, or held under exactly the lease we were told to seize.
-- KEYS: 1 record, 2 tombstone
-- ARGV: 1 owner, 2 timeout, 3 grace, 4 seized owner ('' for none), 5 seized epoch, 6 '1' if it may have expired
-- Returns {'deleted'}, {'missing'}, {'expired'}, {'held', owner, epoch} or
--         {'taken', moved earlier, expired, epoch, owner, deadline, posted, commit's fields...}

-- A record and a tombstone never exist together, so the tombstone matters only where there is no record.
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'deadline', 'posted', unpack(FIELDS))
if not held[1] then return {redis.call('EXISTS', KEYS[2]) == 1 and 'deleted' or 'missing'} end
local epoch, owner = tonumber(held[1]), held[2]
local expired = tonumber(held[3]) <= now()
if expired and ARGV[6] ~= '1' then return {'expired'} end
local seized = ARGV[4] ~= '' and owner == ARGV[4] and epoch == tonumber(ARGV[5])
if owner ~= '' and owner ~= ARGV[1] and not seized then return {'held', owner, epoch} end

local fields = {'epoch', epoch + 1, 'owner', ARGV[1]}
note(KEYS[1], {line(0, seized and 'seized ' .. ARGV[1] .. ' ' .. owner or 'taken ' .. ARGV[1])})
local earlier = 0
if expired then
  -- The deadline stays in the past: the session is being closed, and its user must not come back to it.
  redis.call('HSET', KEYS[1], unpack(fields))
  redis.call('PEXPIRE', KEYS[1], ARGV[2] + ARGV[3])
else
  fields[5], fields[6] = 'seen', string.format('%.0f', now())
  earlier = save(KEYS[1], fields, held[3], ARGV[2], ARGV[3])
  held[3] = redis.call('HGET', KEYS[1], 'deadline')
end
held[1], held[2] = epoch + 1, ARGV[1]
return {'taken', earlier, expired and 1 or 0, unpack(held)}
