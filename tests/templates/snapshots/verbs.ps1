# The verbs that come with the second stage; read by chatglm.ps1, with $Verb, $Json and $ask;
# $code is how it ends.
. "$PSScriptRoot\common.ps1"

# Takes another manifest, which was uploaded before, and starts the installation with it.
function Set-Manifest($Ask) {
    $came = "$Inbox\manifest.json"
    $same = $Ask.sha256 -and $Manifest -and (Read-Text "$Root\manifest.sha256") -eq $Ask.sha256
    $next = Read-Json $came
    if (-not $same) {
        if (-not $Ask.sha256 -or (Get-Sha256 $came) -ne $Ask.sha256) { throw (New-Trouble 'configure.missing' 'this manifest has not come' 'Send it by receive, under the name manifest.json.') }
        if (-not (Test-Manifest $next)) { throw (New-Trouble 'configure.form' 'this is no manifest that this machine understands' 'Send the one of the user data.') }
    }
    $changed = @()
    $again = @()
    if (-not $same) {
        $changed = @($next.settings.PSObject.Properties | Where-Object { (ConvertTo-Json $_.Value) -ne (ConvertTo-Json $Settings.($_.Name)) } | ForEach-Object { $_.Name })
        $again = @($next.steps | Where-Object { $row = $_; -not ($Manifest.steps | Where-Object { $_.name -eq $row.name -and $_.key -eq $row.key }) } | ForEach-Object { $_.name })
        $trains = Get-CimInstance Win32_Process | Where-Object { $_.CommandLine -match 'guest\.training\.supervise' }
        $taken = @($again | Where-Object { $_ -notin 'demo', 'watcher', 'check' })
        if ($trains -and $taken) { throw (New-Trouble 'configure.training' 'a training runs, and this would take away what it uses: {0}' 'Wait for it, or stop it first.' ($taken -join ', ')) }
        Save-Text "$Root\manifest.json" (Read-Text $came)
        Save-Text "$Root\manifest.sha256" $Ask.sha256
        Restart-Bootstrap
    }
    Remove-Item $came -Force -ErrorAction SilentlyContinue
    @{ configured = [bool](-not $same); changed = $changed; steps = $again; secondStage = $(if (-not $same -and $next.secondStage.sha256 -ne (Get-Sha256 "$Root\second-stage.zip")) { $next.secondStage.sha256 }) }
}

function Get-Log($Ask) {
    $name = if ($Ask.step) { "$($Ask.step)" } else { 'bootstrap' }
    $paths = @("$Logs\$name.log", "$Logs\$name.err.log" | Where-Object { Test-Path $_ })
    if ($name -notmatch '^[a-z][a-z-]*$' -or -not $paths) { throw (New-Trouble 'log.unknown' 'There is no log named {0}.' 'Ask for bootstrap, or a step that has begun.' $name) }
    $count = if ($Ask.lines) { [int]$Ask.lines } else { 50 }
    @{ step = $name; lines = @(Read-Tail $paths $count) }
}

# Most verbs are Python's. Without it, or when it does not start, status and log still answer.
if ($Verb -ne 'configure' -and (Test-Path $Python) -and (Test-Path "$Root\guest\__main__.py")) {
    $encoded = 'base64:' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($Json))
    # Standard error stays apart and must not end the script.
    $ErrorActionPreference = 'Continue'
    try { $answer = "$(& $Python -m guest $Verb $encoded)" } catch { $answer = '' }
    $ErrorActionPreference = 'Stop'
    if ($answer.StartsWith('{')) {
        $answer
        $code = $LASTEXITCODE
        return
    }
    if ($Verb -notin 'status', 'log') { throw (New-Trouble 'python.broken' '{0} needs Python, which does not start' 'Run pulumi up: it installs it again.' $Verb) }
}
switch ($Verb) {
    'status' { Format-Json (Get-Status) }
    'log' { Format-Json (Get-Log $ask) }
    'configure' { Format-Json (Set-Manifest $ask) }
    default { throw (New-Trouble 'python.missing' '{0} needs Python, which is not there yet' 'See status.' $Verb) }
}
