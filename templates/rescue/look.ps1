# What can be seen of a machine that does not answer. Run as SYSTEM by the automation agent, before or without anything
# of ours. Each look stands alone: one that Windows refuses leaves its own word, and the others go on.
# $Bytes: how much of each log's end. Prints one JSON object; logs are raw bytes, one character each (Latin 1), as
# programs write them in different encodings.
$ErrorActionPreference = 'Stop'
$Root = 'C:\chatglm'

function Read-End([string]$Path) {
    $file = [IO.File]::Open($Path, 'Open', 'Read', 'ReadWrite')
    try {
        $count = [int][Math]::Min($Bytes, $file.Length)
        $null = $file.Seek(-$count, 'End')
        $buffer = New-Object byte[] $count
        $count = $file.Read($buffer, 0, $count)
        [Text.Encoding]::GetEncoding(28591).GetString($buffer, 0, $count)
    } finally { $file.Close() }
}

function Get-Word([scriptblock]$Look) {
    try { "$(& $Look)" } catch { "cannot be told: $($_.Exception.Message)" }
}

$logs = @{}
$places = "$Root\logs\*.log", 'C:\Program Files\Cloudbase Solutions\Cloudbase-Init\log\cloudbase-init.log'
foreach ($log in Get-ChildItem $places -ErrorAction SilentlyContinue) {
    try { $logs[$log.Name] = Read-End $log.FullName } catch { $logs[$log.Name] = "cannot be read: $($_.Exception.Message)" }
}
$seen = @{
    schema = 1
    entry = Test-Path "$Root\chatglm.ps1"
    status = $(try { [IO.File]::ReadAllText("$Root\state\status.json") } catch { $null })
    windows = @{
        'the installation''s task' = Get-Word { (Get-ScheduledTask -TaskName 'ChatGLM bootstrap').State }
        'the service WinRM' = Get-Word { (Get-Service -Name WinRM).Status }
        'the firewall''s service' = Get-Word { (Get-Service -Name MpsSvc).Status }
        'the WinRM listeners' = Get-Word { (Get-ChildItem 'WSMan:\localhost\Listener' | ForEach-Object { $_.Keys -match 'Transport=' }) -join ', ' }
        'who may come in' = Get-Word { (Get-NetFirewallRule -Group 'ChatGLM' | Get-NetFirewallAddressFilter | ForEach-Object { $_.RemoteAddress } | Select-Object -Unique) -join ', ' }
        'the network''s kind' = Get-Word { (Get-NetConnectionProfile | ForEach-Object { $_.NetworkCategory }) -join ', ' }
        'free on C:' = Get-Word { '{0:n1} GB' -f ((Get-PSDrive -Name C).Free / 1e9) }
    }
    logs = $logs
}
Write-Packed 0 (ConvertTo-Json $seen -Depth 4 -Compress)
