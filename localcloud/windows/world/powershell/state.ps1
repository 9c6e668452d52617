# What the machine remembers, and what was ordered to fail. The files are those of `inside/memory.py`.
function global:Read-WorldState([string]$Name) {
    $path = "$env:WORLD_DISK/local-guest/$Name.json"
    $text = if (Microsoft.PowerShell.Management\Test-Path -LiteralPath $path) { [World.Text]::Read($path) } else { '{}' }
    Microsoft.PowerShell.Utility\ConvertFrom-Json $text -AsHashtable
}

# The change runs with the caller's variables in sight, so none of these may have a name that a caller uses.
function global:Edit-WorldState([string]$WorldMemory, [scriptblock]$WorldChange) {
    $worldLock = [World.Store]::Lock($WorldMemory)
    try {
        $worldDocument = Read-WorldState $WorldMemory
        & $WorldChange $worldDocument
        [World.Text]::Write("$env:WORLD_DISK/local-guest/$WorldMemory.json", (Microsoft.PowerShell.Utility\ConvertTo-Json $worldDocument -Depth 8))
    } finally { $worldLock.Dispose() }
}

function global:Write-WorldJournal([string]$Kind, [string]$Detail) { [World.Orders]::Note($Kind, $Detail) }

function global:Get-WorldFaults {
    $path = "$env:WORLD_RUN/faults.json"
    if (Microsoft.PowerShell.Management\Test-Path -LiteralPath $path) { Microsoft.PowerShell.Utility\ConvertFrom-Json ([World.Text]::Read($path)) -AsHashtable } else { @{} }
}

function global:Get-WorldAbsent { $all = Get-WorldFaults; foreach ($name in $all.Keys) { if ($all[$name].absent) { $name } } }

# The text with which a command is ordered to fail now, or nothing.
function global:Get-WorldFault([string]$Name, [string]$About = '') {
    $order = (Get-WorldFaults)[$Name]
    if (-not $order -or ($order.match -and $About -notmatch $order.match)) { return }
    $lock = [World.Store]::Lock('orders')
    try {
        $counter = "$env:WORLD_RUN/fault-$Name"
        $seen = 1 + [int]$(if (Microsoft.PowerShell.Management\Test-Path -LiteralPath $counter) { [World.Text]::Read($counter) } else { 0 })
        [World.Text]::Write($counter, "$seen")
    } finally { $lock.Dispose() }
    if ($seen -le $order.after -or ($order.times -and $seen -gt $order.after + $order.times)) { return }
    Write-WorldJournal 'fault' "$Name $About"
    if ($order.sleep) { Microsoft.PowerShell.Utility\Start-Sleep -Seconds $order.sleep }
    $order.says
}
