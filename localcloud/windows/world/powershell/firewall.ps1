# Windows' firewall. With its service off every call fails; addresses are read as strictly as Windows does.
function global:Test-WorldFirewall { if ((Get-WorldService 'MpsSvc').Status -eq 'Running') { return $true }; Write-Error 'There are no more endpoints available from the endpoint mapper.'; $false }

function global:Get-WorldRules {
    $told = Read-WorldState 'firewall'
    if ($told.Count) { return $told }
    $made = @{}
    foreach ($name in 'RemoteDesktop-UserMode-In-TCP', 'RemoteDesktop-UserMode-In-UDP', 'RemoteDesktop-Shadow-In-TCP') { $made[$name] = @{ DisplayName = $name; Group = '@FirewallAPI.dll,-28752'; Action = 'Allow'; LocalPort = '3389'; RemoteAddress = @('Any'); Enabled = 'True' } }
    $made['WINRM-HTTP-In-TCP-PUBLIC'] = @{ DisplayName = 'WinRM'; Group = '@FirewallAPI.dll,-30267'; Action = 'Allow'; LocalPort = '5985'; RemoteAddress = @('LocalSubnet'); Enabled = 'True' }
    $made
}

function global:Get-NetFirewallRule {
    [CmdletBinding()] param([string[]]$Name, [string[]]$DisplayName, [string[]]$Group, [string[]]$DisplayGroup, [switch]$All)
    if (-not (Test-WorldFirewall)) { return }
    if ($fault = Get-WorldFault 'Get-NetFirewallRule' "$Name$DisplayName$Group") { Write-Error $fault; return }
    $rules = Get-WorldRules
    $found = @(foreach ($key in $rules.Keys) {
        $rule = $rules[$key]
        $fits = $All -or @($Name | Where-Object { $_ -and $key -like $_ }).Count -or @($DisplayName | Where-Object { $_ -and $rule.DisplayName -like $_ }).Count -or @($Group | Where-Object { $_ -and $rule.Group -eq $_ }).Count
        if ($fits) { [pscustomobject]@{ Name = $key; InstanceID = $key; DisplayName = $rule.DisplayName; Group = $rule.Group; Enabled = $rule.Enabled; Action = $rule.Action } }
    })
    if (-not $found) { Write-Error "No MSFT_NetFirewallRule objects found with property equal to '$Name$DisplayName$Group'." -Category ObjectNotFound; return }
    $found
}

function global:Assert-WorldAddress([string[]]$RemoteAddress) {
    if ($null -eq $RemoteAddress -or $RemoteAddress.Count -eq 0) { throw 'Cannot bind argument to parameter ''RemoteAddress'' because it is an empty array.' }
    foreach ($address in $RemoteAddress) {
        if ($address -in 'Any', 'LocalSubnet', 'DNS', 'DHCP', 'WINS', 'DefaultGateway', 'Internet', 'Intranet') { if ($address -ne 'Any' -or $RemoteAddress.Count -eq 1) { continue } }
        $parts = "$address" -split '/'
        $parsed = $null
        if ($address -eq 'Any' -or -not [Net.IPAddress]::TryParse($parts[0], [ref]$parsed) -or ($parts.Count -gt 1 -and ($parts[1] -notmatch '^\d{1,3}$' -or [int]$parts[1] -lt 1))) { throw "The address is invalid. Addresses may be specified as IP addresses, ranges, or subnets. Also, the following address keywords are allowed in certain places. ($address)" }
    }
}

function global:New-NetFirewallRule {
    [CmdletBinding()] param([string]$Name = "{$([guid]::NewGuid())}", [Parameter(Mandatory)][string]$DisplayName, [string]$Group, [string]$Description, [ValidateSet('Inbound', 'Outbound')][string]$Direction = 'Inbound', [ValidateSet('Allow', 'Block')][string]$Action = 'Allow', [ValidateSet('TCP', 'UDP', 'Any')][string]$Protocol = 'Any', [string[]]$LocalPort, [string[]]$RemoteAddress = 'Any', [string[]]$Profile, [ValidateSet('True', 'False')][string]$Enabled = 'True', [string]$Program)
    if (-not (Test-WorldFirewall)) { return }
    if ($fault = Get-WorldFault 'New-NetFirewallRule' $DisplayName) { throw $fault }
    if ($LocalPort -and $Protocol -eq 'Any') { throw 'The protocol must be TCP or UDP when a port is given.' }
    Assert-WorldAddress $RemoteAddress
    $rules = Get-WorldRules
    if ($rules.ContainsKey($Name)) { throw 'Cannot create a file when that file already exists.' }
    Edit-WorldState 'firewall' { param($firewall) foreach ($key in $rules.Keys) { $firewall[$key] = $rules[$key] }; $firewall[$Name] = @{ DisplayName = $DisplayName; Group = $Group; Action = $Action; LocalPort = "$LocalPort"; RemoteAddress = @($RemoteAddress); Enabled = $Enabled } }
    Write-WorldJournal 'firewall' "$DisplayName from $RemoteAddress"
    [pscustomobject]@{ Name = $Name; DisplayName = $DisplayName }
}

function global:Set-NetFirewallRule {
    [CmdletBinding()] param([Parameter(ValueFromPipeline)]$InputObject, [string]$Name, [string]$DisplayName, [string[]]$RemoteAddress, [ValidateSet('True', 'False')][string]$Enabled, [ValidateSet('Allow', 'Block')][string]$Action)
    process {
        if (-not (Test-WorldFirewall)) { return }
        if ($PSBoundParameters.ContainsKey('RemoteAddress')) { Assert-WorldAddress $RemoteAddress }
        $key = if ($InputObject) { $InputObject.Name } else { $Name }
        $rules = Get-WorldRules
        if (-not $rules.ContainsKey("$key")) { Write-Error "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$key'." -Category ObjectNotFound; return }
        Edit-WorldState 'firewall' {
            param($firewall)
            foreach ($one in $rules.Keys) { if (-not $firewall.ContainsKey($one)) { $firewall[$one] = $rules[$one] } }
            if ($RemoteAddress) { $firewall[$key].RemoteAddress = @($RemoteAddress) }
            if ($Enabled) { $firewall[$key].Enabled = $Enabled }
        }
    }
}
function global:Enable-NetFirewallRule { [CmdletBinding()] param([Parameter(ValueFromPipeline)]$InputObject, [string]$Name) process { Set-NetFirewallRule -InputObject $InputObject -Name $Name -Enabled True } }

function global:Remove-NetFirewallRule {
    [CmdletBinding()] param([Parameter(ValueFromPipeline)]$InputObject, [string]$Name, [string]$Group)
    process {
        if (-not (Test-WorldFirewall)) { return }
        $rules = Get-WorldRules
        $gone = if ($Group) { @($rules.Keys | Where-Object { $rules[$_].Group -eq $Group }) } elseif ($InputObject) { @($InputObject.Name) } else { @($Name) }
        Edit-WorldState 'firewall' { param($firewall) foreach ($one in $rules.Keys) { $firewall[$one] = $rules[$one] }; foreach ($one in $gone) { $firewall.Remove($one) } }
    }
}
