# The machine's one entry: chatglm.ps1 VERB [JSON], prints one JSON document. JSON may be given as base64:..., which
# passes through every shell unharmed. What must work without Python is done here.
param([string]$Verb = 'status', [string]$Json = '{}')
# What is piped into the script: lines of the standard input, which only PowerShell itself can read.
$Lines = $input

# Writes lines of base64 at an offset of the upload; with a hash it ends the upload.
function Receive-File($Ask) {
    if ($Ask.name -notmatch '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$') { throw (New-Trouble 'receive.name' 'this name is not allowed') }
    $target = "$Inbox\$($Ask.name)"
    $part = "$target.part"
    $null = New-Item -ItemType Directory -Force $Inbox
    # The answer to the last call may have been lost.
    if ($Ask.sha256 -and (Get-Sha256 $target) -eq $Ask.sha256 -and (Get-Sha256 $part) -ne $Ask.sha256) {
        Remove-Item $part -Force -ErrorAction SilentlyContinue
        return @{ name = $Ask.name; bytes = (Get-Item $target).Length }
    }
    $out = [IO.File]::Open($part, 'OpenOrCreate')
    try {
        if ($null -ne $Ask.offset) {
            if ($Ask.offset -gt $out.Length) { throw (New-Trouble 'receive.offset' 'the upload has {0} bytes, not {1}' 'Go on from there.' $out.Length, $Ask.offset) }
            $out.SetLength($Ask.offset)
            $null = $out.Seek(0, 'End')
            foreach ($line in $Lines) {
                try { $block = [Convert]::FromBase64String($line) } catch { throw (New-Trouble 'receive.base64' 'the input is not base64') }
                $out.Write($block, 0, $block.Length)
            }
        }
        $size = $out.Length
        $out.Flush($true)
    } finally { $out.Close() }
    if ($Ask.sha256) {
        if ((Get-Sha256 $part) -ne $Ask.sha256) {
            Remove-Item $part -Force
            throw (New-Trouble 'receive.damaged' 'the upload is damaged' 'Send it again.')
        }
        Move-Item $part $target -Force
    }
    @{ name = $Ask.name; bytes = $size }
}

# An installation that is dead or hangs looks as one that is at work, but for its heartbeat.
function Get-Status {
    $it = Read-Json "$State\status.json"
    if (-not $it) { $it = New-Object PSObject -Property @{ schema = 1; phase = 'bootstrapping'; steps = @() } }
    $age = [Diagnostics.Stopwatch]::GetTimestamp() / [Diagnostics.Stopwatch]::Frequency - $it.beat
    if (-not $it.beat -or $age -lt 0) { $age = $null }
    $task = Get-ScheduledTask -TaskName $Task -ErrorAction SilentlyContinue
    $stale = $task -and $it.phase -notin 'ready', 'failed' -and ($task.State -ne 'Running' -or $age -gt 600)
    $it | Add-Member -NotePropertyName heartbeat -NotePropertyValue @{ seconds = $age; stale = [bool]$stale } -Force
    $it
}

try {
    . "$PSScriptRoot\lib.ps1"
    try {
        if ($Json.StartsWith('base64:')) { $Json = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Json.Substring(7))) }
        $ask = ConvertFrom-Json $Json
    } catch { $ask = $null }
    if ($ask -isnot [Management.Automation.PSCustomObject]) { throw (New-Trouble 'json' 'the options are not one JSON object' 'For example: {"step": "model"}') }
    $code = 0
    switch ($Verb) {
        'receive' { Format-Json (Receive-File $ask) }
        'retry' {
            $runs = -not $ask.force -and (Get-ScheduledTask -TaskName $Task -ErrorAction SilentlyContinue).State -eq 'Running'
            if (-not $runs) { Restart-Bootstrap }
            Format-Json @{ started = -not $runs; message = $(if ($runs) { 'It runs already.' }) }
        }
        default {
            if (Test-Path "$Root\verbs.ps1") { . "$Root\verbs.ps1" }
            elseif ($Verb -eq 'status') { Format-Json (Get-Status) }
            elseif ($Verb -eq 'log') { Format-Json @{ step = 'bootstrap'; lines = @(Get-Content "$Logs\bootstrap.log" -Tail 50 -Encoding UTF8 | ForEach-Object { "$_" }) } }
            else { throw (New-Trouble 'python.missing' '{0} needs Python, which is not there yet' 'See status.' $Verb) }
        }
    }
    exit $code
} catch {
    $trouble = @{ id = 'unexpected'; message = "$($_.Exception.Message)"; hint = 'Run pulumi up: it sends the scripts anew.' }
    if ($_.TargetObject -is [hashtable]) { $trouble = $_.TargetObject }
    try { Format-Json @{ error = $trouble } } catch { ConvertTo-Json @{ error = $trouble } -Compress }
    exit 1
}
