# Starts a script or a command as Windows PowerShell 5.1 would, behind the stand-ins for what only Windows has.
#   host.ps1 file PATH ARGUMENT...      host.ps1 command BASE64      host.ps1 encoded BASE64
# Types are bound when a script is read, so the library's names are there before anything else is.
Microsoft.PowerShell.Core\Import-Module $env:WORLD_LIBRARY
$accelerators = [psobject].Assembly.GetType('System.Management.Automation.TypeAccelerators')
foreach ($name in 'File', 'Directory', 'Path', 'FileStream', 'StreamReader', 'StreamWriter', 'DriveInfo') {
    foreach ($prefix in 'IO.', 'System.IO.') { $accelerators::Add("$prefix$name", ("World.$name" -as [type])) }
}
foreach ($prefix in 'Net.', 'System.Net.') { $accelerators::Add("${prefix}Dns", [World.Dns]) }
foreach ($part in 'console', 'state', 'files', 'text', 'processes', 'tasks', 'settings', 'winrm', 'firewall', 'machine') { . "$PSScriptRoot/$part.ps1" }
# What was ordered to be absent is no command at all, as a module that is not installed.
foreach ($absent in Get-WorldAbsent) { Microsoft.PowerShell.Management\Remove-Item "function:global:$absent" }

$mode, $subject, $rest = $args
$ErrorActionPreference = 'Continue'
if ($mode -eq 'file') {
    $global:LASTEXITCODE = $null
    $named = @{}
    $positional = @()
    for ($n = 0; $n -lt @($rest).Count; $n++) {
        if ("$(@($rest)[$n])" -match '^-([A-Za-z]\w*)$') { $named[$Matches[1]] = @($rest)[++$n] } elseif ($null -ne $rest) { $positional += @($rest)[$n] }
    }
    & $subject @positional @named
    exit [int]$global:LASTEXITCODE
}
$text = [Text.Encoding]::Unicode.GetString([Convert]::FromBase64String($subject))
try {
    $block = [scriptblock]::Create($text)
    if ($text -match '\$input\b') { $input | . $block } else { . $block }
    # With -Command only success or not is told, whatever a script inside has ended with.
    exit $(if ($?) { 0 } else { 1 })
} catch {
    if ($mode -eq 'encoded') { [Console]::Error.WriteLine('#< CLIXML') }
    [Console]::Error.WriteLine("$_")
    exit 1
}
